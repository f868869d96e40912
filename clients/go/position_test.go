package reports

import (
	"math/rand/v2"
	"testing"

	reportsv1 "github.com/fna-reports/fna-reports/clients/go/fna/reports/v1"
)

type batchEvents = []*reportsv1.BatchEvent

func TestPosition(t *testing.T) {
	for name, test := range map[string]struct {
		after   int64
		gaps    bool
		events  batchEvents
		passed  []int64
		last    int64
		gap     int64
		resumed batchEvents
		then    []int64
	}{
		"the first event without a position is where it starts": {
			after: nowhere, events: batchEvents{snapshot(7), changed(7), changed(8)}, passed: []int64{7, 8}, last: 8, gap: nowhere,
		},
		"nothing passes after a gap until it is resumed": {
			after: 4, events: batchEvents{changed(5), changed(7), changed(8), changed(6)}, passed: []int64{5}, last: 5, gap: 7,
			resumed: batchEvents{changed(6), changed(7)}, then: []int64{6, 7},
		},
		"progress passes whatever its sequence and moves nothing": {
			after: 4, events: batchEvents{progress(4), progress(5), changed(5), progress(9)}, passed: []int64{4, 5, 5, 9},
			last: 5, gap: nowhere,
		},
		"heartbeats do not pass": {
			after: 4, events: batchEvents{heartbeat(3), heartbeat(4)}, last: 4, gap: nowhere,
		},
		"a heartbeat that is ahead tells that an event was lost": {
			after: 4, events: batchEvents{heartbeat(5)}, last: 4, gap: 5,
		},
		"without item events sequences have gaps and heartbeats move the position": {
			after: 4, gaps: true, events: batchEvents{changed(9), heartbeat(12), changed(11), changed(13)},
			passed: []int64{9, 13}, last: 13, gap: nowhere,
		},
		"a heartbeat before the snapshot is not a position": {
			after: nowhere, events: batchEvents{heartbeat(5)}, last: nowhere, gap: nowhere,
		},
		"a snapshot in the middle stands for all that it passes over": {
			after: 4, events: batchEvents{snapshot(4), snapshot(9), changed(10)}, passed: []int64{9, 10}, last: 10, gap: nowhere,
		},
		"an event of a kind that is not known counts": {
			after: 4, events: batchEvents{{Sequence: 5}, changed(6)}, passed: []int64{5, 6}, last: 6, gap: nowhere,
		},
	} {
		t.Run(name, func(t *testing.T) {
			position := newPosition(test.after, !test.gaps)
			equal(t, sequences(position.take(test.events)), test.passed)
			if position.last != test.last || position.gap != test.gap {
				t.Errorf("it stands at %d, gap %d; want %d, gap %d", position.last, position.gap, test.last, test.gap)
			}
			position.resume()
			equal(t, sequences(position.take(test.resumed)), test.then)
		})
	}
}

func TestAfterARestartTheSnapshotSaysWhereItIs(t *testing.T) {
	position := newPosition(4, true)
	position.take(batchEvents{changed(9)})
	position.restart()
	equal(t, sequences(position.take(batchEvents{snapshot(20), changed(21)})), []int64{20, 21})
}

func TestHoweverAHistoryIsCutAndRepeatedEachEventPassesOnceInOrder(t *testing.T) {
	const end = 30
	for range 500 {
		start := rand.Int64N(end + 1)
		position := newPosition(start, true)
		var passed, want []int64
		for range rand.IntN(9) {
			first := max(position.last-rand.Int64N(11), 0) + 1
			passed = append(passed, sequences(position.take(history(first, min(first+rand.Int64N(end), end))))...)
		}
		passed = append(passed, sequences(position.take(history(position.last+1, end)))...)
		for sequence := start + 1; sequence <= end; sequence++ {
			want = append(want, sequence)
		}
		equal(t, passed, want)
	}
}

// history returns the events from first to last.
func history(first, last int64) batchEvents {
	var events batchEvents
	for sequence := first; sequence <= last; sequence++ {
		events = append(events, changed(sequence))
	}
	return events
}
