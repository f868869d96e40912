package reports

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	reportsv1 "github.com/fna-reports/fna-reports/clients/go/fna/reports/v1"
)

func events(t *testing.T, client *Client, options *EventsOptions) (batchEvents, error) {
	t.Helper()
	return collected(client.Batch(batchID).Events(within(t), options))
}

// watched demands that a watch has these sequences and no error.
func watched(t *testing.T, client *Client, options *EventsOptions, want ...int64) batchEvents {
	t.Helper()
	found, err := events(t, client, options)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, sequences(found), want)
	return found
}

func TestAStreamThatIsCutAgainAndAgainIsComplete(t *testing.T) {
	for name, cut := range map[string]error{
		"unavailable": draining(0),
		"draining":    draining(10 * time.Millisecond),
		"reset":       refusal(codes.Internal, ""),
		"cancelled":   refusal(codes.Canceled, ""),
		"unknown":     refusal(codes.Unknown, ""),
	} {
		t.Run(name, func(t *testing.T) {
			peer := newPeer(t)
			peer.streams = append(peer.streams, func(request proto.Message) iter.Seq[any] {
				first := request.(*reportsv1.WatchBatchRequest).GetAfterSequence() + 1
				var all []any
				for sequence := first; sequence < min(first+7, 50); sequence++ {
					all = append(all, message(changed(sequence)))
				}
				if first+7 < 50 {
					return slices.Values(append(all, cut))
				}
				return slices.Values(append(all, message(finished(50))))
			})
			found := watched(t, peer.client(t), &EventsOptions{AfterSequence: proto.Int64(0)}, sequences(history(1, 50))...)
			if !found[49].GetStatusChanged().GetFinal() {
				t.Errorf("the last event is %v", found[49])
			}
			equal(t, peer.watchedAfter(), []int64{0, 7, 14, 21, 28, 35, 42})
		})
	}
}

func TestWhatIsSentAgainIsNotHandedOutAgain(t *testing.T) {
	peer := newPeer(t)
	peer.streams = append(peer.streams,
		steps(message(snapshot(3), changed(4)), draining(0)),
		steps(message(changed(3), changed(4), changed(5)), message(finished(6))))
	watched(t, peer.client(t), nil, 3, 4, 5, 6)
	equal(t, peer.watchedAfter(), []int64{nowhere, 4})
}

func TestAfterAnEventWasLeftOutItAsksForIt(t *testing.T) {
	peer := newPeer(t)
	peer.streams = append(peer.streams,
		steps(message(snapshot(3), changed(4)), message(changed(6)), message(finished(7))),
		steps(message(changed(5), changed(6), finished(7))))
	watched(t, peer.client(t), nil, 3, 4, 5, 6, 7)
}

func TestAServerThatLeavesOutAnEventEveryTimeIsGivenUp(t *testing.T) {
	peer := newPeer(t)
	peer.streams = append(peer.streams, steps(message(changed(2))))
	_, err := events(t, peer.client(t), &EventsOptions{AfterSequence: proto.Int64(0)})
	if got := is(t, err, ErrDataLoss); got.Error() != "the stream went from event 0 to event 2 [SEQUENCE_GAP]" {
		t.Error(got)
	}
	equal(t, peer.watchedAfter(), []int64{0, 0, 0})
}

func TestAfterCompactionItStartsAgainWithASnapshot(t *testing.T) {
	peer := newPeer(t)
	peer.streams = append(peer.streams,
		steps(refusal(codes.OutOfRange, sequenceCompacted)),
		steps(message(snapshot(100), finished(101))))
	found := watched(t, peer.client(t), &EventsOptions{AfterSequence: proto.Int64(5)}, 100, 101)
	if found[0].GetSnapshot() == nil {
		t.Errorf("the first event is %v", found[0])
	}
	equal(t, peer.watchedAfter(), []int64{5, nowhere})
}

func TestWhatTheServerRefusesIsToldAtOnce(t *testing.T) {
	for code, kind := range map[codes.Code]error{
		codes.OutOfRange: ErrOutOfRange, codes.NotFound: ErrNotFound, codes.ResourceExhausted: ErrLimitExceeded,
	} {
		peer := newPeer(t)
		peer.streams = append(peer.streams, steps(refusal(code, "SOME_REASON")))
		_, err := events(t, peer.client(t), &EventsOptions{AfterSequence: proto.Int64(5)})
		is(t, err, kind)
		equal(t, peer.watchedAfter(), []int64{5})
	}
}

func TestAWatchThatMeetsALimitWhenItIsResumedComesBackWhenTheServerSays(t *testing.T) {
	tooMany := refusal(codes.ResourceExhausted, "TOO_MANY_WATCHERS",
		&errdetails.RetryInfo{RetryDelay: durationpb.New(10 * time.Millisecond)})
	peer := newPeer(t)
	peer.streams = append(peer.streams,
		steps(message(snapshot(1)), draining(0)), steps(tooMany), steps(tooMany), steps(message(finished(2))))
	watched(t, peer.client(t), nil, 1, 2)
	equal(t, peer.watchedAfter(), []int64{nowhere, 1, 1, 1})
}

func TestAnErrorOfTheServerItselfDoesNotLoop(t *testing.T) {
	peer := newPeer(t)
	peer.streams = append(peer.streams, steps(refusal(codes.Unknown, "")))
	if _, err := events(t, peer.client(t), nil); err == nil {
		t.Error("there is no error")
	}
	equal(t, peer.watchedAfter(), []int64{nowhere})
}

func TestHeartbeatsAreNotHandedOutAndProgressIs(t *testing.T) {
	peer := newPeer(t)
	peer.streams = append(peer.streams, steps(message(snapshot(1), heartbeat(1), progress(1), progress(1), finished(2))))
	watched(t, peer.client(t), nil, 1, 1, 1, 2)
}

func TestAConnectionThatFallsSilentIsDroppedAndResumed(t *testing.T) {
	peer := newPeer(t)
	peer.streams = append(peer.streams,
		steps(message(snapshot(1), changed(2)), errSilence),
		steps(message(finished(3))))
	client := peer.client(t)
	var causes []string
	var connections []any
	watched(t, client, &EventsOptions{
		HeartbeatInterval: 200 * time.Millisecond,
		OnInterruption: func(cause error) {
			causes = append(causes, cause.Error())
			connections = append(connections, client.transport.newest.Load())
		},
	}, 1, 2, 3)
	await(t, peer.ended, "the end of the silent stream")
	equal(t, causes, []string{"the server sent nothing for 600ms, not even a heartbeat"})
	if connections[0] == any(client.transport.newest.Load()) {
		t.Error("it resumed on the same connection")
	}
}

func TestHeartbeatsKeepAQuietConnection(t *testing.T) {
	peer := newPeer(t)
	peer.streams = append(peer.streams, func(proto.Message) iter.Seq[any] {
		return func(yield func(any) bool) {
			yield(message(snapshot(1)))
			for range 8 {
				<-time.After(100 * time.Millisecond)
				yield(message(heartbeat(1)))
			}
			yield(message(finished(2)))
		}
	})
	watched(t, peer.client(t), &EventsOptions{HeartbeatInterval: 200 * time.Millisecond}, 1, 2)
	equal(t, peer.watchedAfter(), []int64{nowhere})
}

func TestAWatchStaysWithItsExecutionWhenItIsResumed(t *testing.T) {
	t.Run("which the snapshot names", func(t *testing.T) {
		peer := newPeer(t)
		peer.streams = append(peer.streams, steps(message(snapshot(1)), draining(0)), steps(message(finished(2))))
		watched(t, peer.client(t), nil, 1, 2)
		equal(t, peer.watchedTasks(), []string{"", taskID})
		if asked := len(peer.calls("GetBatch")); asked != 0 {
			t.Errorf("the batch was asked for %d times", asked)
		}
	})
	t.Run("which it asks for when there is no snapshot, each time that the loop begins", func(t *testing.T) {
		const next = "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c04"
		peer := newPeer(t)
		peer.answers["GetBatch"] = []any{
			draining(0),
			&reportsv1.GetBatchResponse{Batch: processing()},
			&reportsv1.GetBatchResponse{Batch: &reportsv1.Batch{BatchId: batchID, TaskId: next}},
		}
		peer.streams = append(peer.streams,
			steps(draining(0)), steps(message(changed(1)), draining(0)), steps(message(changed(1), finished(2))))
		loop := peer.client(t).Batch(batchID).Events(within(t), &EventsOptions{AfterSequence: proto.Int64(0)})
		for range 2 {
			if _, err := collected(loop); err != nil {
				t.Fatal(err)
			}
		}
		equal(t, peer.watchedTasks(), []string{taskID, taskID, taskID, next})
		same(t, peer.calls("GetBatch")[0], &reportsv1.GetBatchRequest{
			BatchId: batchID, View: reportsv1.BatchView_BATCH_VIEW_BASIC,
		})
	})
	t.Run("and ends when that is refused", func(t *testing.T) {
		peer := newPeer(t)
		peer.answers["GetBatch"] = []any{refusal(codes.NotFound, "BATCH_NOT_FOUND")}
		_, err := events(t, peer.client(t), &EventsOptions{AfterSequence: proto.Int64(0)})
		is(t, err, ErrNotFound)
		equal(t, peer.watchedTasks(), nil)
	})
}

func TestAServerThatIsAwayIsGivenUp(t *testing.T) {
	t.Run("after the time-out when it never answers", func(t *testing.T) {
		peer := newPeer(t)
		peer.streams = append(peer.streams, steps(draining(0)))
		_, err := events(t, peer.client(t, WithTimeout(400*time.Millisecond)), nil)
		is(t, err, ErrUnavailable)
	})
	t.Run("after the reconnect time-out when it goes away for good", func(t *testing.T) {
		peer := newPeer(t)
		peer.streams = append(peer.streams, steps(message(snapshot(1)), draining(0)), steps(draining(0)))
		_, err := events(t, peer.client(t, WithReconnectTimeout(400*time.Millisecond)), nil)
		is(t, err, ErrUnavailable)
	})
}

func TestAServerThatComesBackIsFoundAgainSoon(t *testing.T) {
	peer := newPeer(t)
	peer.streams = append(peer.streams, steps(message(snapshot(1), changed(2)), errSilence), steps(message(finished(3))))
	var failures int
	var backAt time.Time
	for event, err := range peer.client(t).Batch(batchID).Events(within(t), &EventsOptions{
		OnInterruption: func(error) {
			if failures++; failures == 7 { // The waits have grown.
				peer.start(t)
				backAt = time.Now()
			}
		},
	}) {
		if err != nil {
			t.Fatal(err)
		}
		if event.Sequence == 2 {
			peer.server.Stop()
		}
	}
	if took := time.Since(backAt); backAt.IsZero() || took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestALoopThatIsLeftEndsItsStreamAndLeavesNoGoroutine(t *testing.T) {
	peer := newPeer(t)
	peer.streams = append(peer.streams, steps(message(snapshot(1), changed(2)), errSilence))
	client := peer.client(t)
	for range 20 {
		for range client.Batch(batchID).Events(within(t), nil) {
			break
		}
		next, stop := iter.Pull2(client.Batch(batchID).Events(within(t), nil))
		next()
		for name, match := range watching {
			if len(goroutines(match)) == 0 {
				t.Fatalf("no goroutine is found of %s, and the watch runs", name)
			}
		}
		stop()
	}
	for range 40 {
		await(t, peer.ended, "the end of a stream that nobody reads")
	}
	deadline := time.After(10 * time.Second)
	for name, match := range watching {
		for left := goroutines(match); len(left) > 0; left = goroutines(match) {
			select {
			case <-deadline:
				t.Fatalf("%d goroutines are left of %s, one of them:\n%s", len(left), name, left[0])
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
}

func TestAContextThatEndsEndsTheWatch(t *testing.T) {
	peer := newPeer(t)
	peer.streams = append(peer.streams, steps(message(snapshot(1)), errSilence))
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	var last error
	for _, err := range peer.client(t).Batch(batchID).Events(ctx, nil) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("it ends with %v", last)
	}
	await(t, peer.ended, "the end of the stream")
}

func TestAClientThatIsClosedEndsItsWatches(t *testing.T) {
	peer := newPeer(t)
	peer.streams = append(peer.streams, steps(message(snapshot(1)), errSilence))
	client := peer.client(t)
	var last error
	for _, err := range client.Batch(batchID).Events(within(t), nil) {
		client.Close()
		last = err
	}
	if last == nil {
		t.Error("it ends without an error")
	}
}

func TestAWatchOfManyBatchesContinuesByItsToken(t *testing.T) {
	peer := newPeer(t)
	peer.streams = append(peer.streams,
		steps(batchesMessage("a", snapshot(3)), batchesMessage("b", of("", heartbeat(0))), draining(0)),
		steps(refusal(codes.OutOfRange, resumeTokenExpired)),
		steps(batchesMessage("c", snapshot(9)), refusal(codes.InvalidArgument, "RESUME_TOKEN_INVALID")))
	options := &WatchBatchesOptions{Labels: map[string]string{"quarter": "q1"}}
	var passed []int64
	var tokens, asked []string
	var last error
	for message, err := range peer.client(t).WatchBatches(within(t), options) {
		if last = err; err == nil {
			passed, tokens = append(passed, sequences(message.Events)...), append(tokens, message.ResumeToken)
		}
	}
	is(t, last, ErrInvalidRequest)
	equal(t, passed, []int64{3, 9})
	equal(t, tokens, []string{"a", "b", "c"})
	for _, request := range peer.calls("WatchBatches") {
		asked = append(asked, request.(*reportsv1.WatchBatchesRequest).ResumeToken)
	}
	equal(t, asked, []string{"", "b", ""})
}

func TestWhatAWatchOfManyBatchesIsToldAgainIsNotHandedOutAgain(t *testing.T) {
	const one, other = "one", "other"
	peer := newPeer(t)
	peer.streams = append(peer.streams,
		steps(batchesMessage("a", of(one, snapshot(3)), of(other, snapshot(7)), of(one, changed(4))), draining(0)),
		steps(
			batchesMessage("b", of(one, changed(4)), of(other, changed(8)), of(one, changed(5))),
			batchesMessage("c", of(other, changed(8)), of(one, changed(5))),
			batchesMessage("d", of(one, changed(9))), // A filter leaves events out, so a gap means nothing.
			draining(0)),
		steps(refusal(codes.ResourceExhausted, "WATCHER_TOO_SLOW")))
	passed := map[string][]int64{}
	var last error
	for message, err := range peer.client(t).WatchBatches(within(t), nil) {
		if last = err; err == nil {
			passed[message.ResumeToken] = sequences(message.Events)
		}
	}
	is(t, last, ErrLimitExceeded)
	for token, want := range map[string][]int64{"a": {3, 7, 4}, "b": {8, 5}, "c": nil, "d": {9}} {
		found, came := passed[token]
		if equal(t, found, want); !came {
			t.Errorf("no message has the token %s", token)
		}
	}
}

func TestAResultIsWhatTheExecutionOfTheWatchEndedWith(t *testing.T) {
	final := processing()
	final.Status = reportsv1.BatchStatus_BATCH_STATUS_FAILED
	result := &reportsv1.BatchResult{Item: &reportsv1.BatchItem{ReportId: reportID}}
	peer := newPeer(t)
	peer.streams = append(peer.streams, steps(message(snapshot(1)), draining(0)), steps(message(finished(4))))
	peer.answers["GetBatch"] = []any{&reportsv1.GetBatchResponse{Batch: final}}
	peer.answers["ListBatchResults"] = []any{
		&reportsv1.ListBatchResultsResponse{Results: []*reportsv1.BatchResult{result}},
	}
	batch, results, err := peer.client(t).Batch(batchID).Result(within(t))
	if err != nil {
		t.Fatal(err)
	}
	same(t, batch, final)
	if len(results) != 1 || !proto.Equal(results[0], result) {
		t.Errorf("the results are %v", results)
	}
	same(t, peer.calls("ListBatchResults")[0], &reportsv1.ListBatchResultsRequest{BatchId: batchID, TaskId: taskID})
	if !slices.ContainsFunc(peer.calls("GetBatch"), func(request proto.Message) bool {
		return request.(*reportsv1.GetBatchRequest).TaskId == taskID
	}) {
		t.Error("the batch was asked for without its execution")
	}
}
