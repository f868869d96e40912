package reports

import reportsv1 "github.com/fna-reports/fna-reports/clients/go/fna/reports/v1"

// nowhere is the sequence of a position before its first event. Sequences begin at 1, and 0 is before all of them.
const nowhere int64 = -1

// position lets every event of a batch pass once, in order, however often the stream that brings them is cut.
//
// last is the sequence of the newest event that passed. gap is the sequence that came where last + 1 should have, or
// nowhere while there was none; nothing passes after a gap until resume is called.
type position struct {
	last    int64
	gap     int64
	gapless bool
}

func newPosition(last int64, gapless bool) position {
	return position{last: last, gap: nowhere, gapless: gapless}
}

// take returns the events that are new, heartbeats left out, and moves past them. It uses the slice for that.
func (p *position) take(events []*reportsv1.BatchEvent) []*reportsv1.BatchEvent {
	passed := events[:0]
	for _, event := range events {
		if p.gap == nowhere && p.passes(event) {
			passed = append(passed, event)
		}
	}
	return passed
}

// resume continues after a gap, on a stream that starts at last again.
func (p *position) resume() {
	p.gap = nowhere
}

// restart forgets the position: the next event is the snapshot of a new beginning.
func (p *position) restart() {
	p.last, p.gap = nowhere, nowhere
}

func (p *position) passes(event *reportsv1.BatchEvent) bool {
	snapshot := false
	switch event.Event.(type) {
	case *reportsv1.BatchEvent_Progress:
		return true // Not part of the history: it repeats a sequence and moves nothing.
	case *reportsv1.BatchEvent_Heartbeat:
		p.hear(event.Sequence)
		return false
	case *reportsv1.BatchEvent_Snapshot:
		snapshot = true
	}
	if p.last != nowhere {
		if event.Sequence <= p.last {
			return false
		}
		if event.Sequence != p.last+1 && p.gapless && !snapshot {
			p.gap = event.Sequence
			return false
		}
	}
	p.last = event.Sequence
	return true
}

// hear notes the sequence of a heartbeat: a later one than last says that events were left out, or were lost.
func (p *position) hear(sequence int64) {
	if p.last == nowhere || sequence <= p.last {
		return
	}
	if p.gapless {
		p.gap = sequence
	} else {
		p.last = sequence
	}
}
