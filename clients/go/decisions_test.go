package reports

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	reportsv1 "github.com/fna-reports/fna-reports/clients/go/fna/reports/v1"
)

// clock stands still until it is moved.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{now: time.Unix(100, 0)} }

func (c *clock) read() time.Time { return c.now }

func (c *clock) move(by time.Duration) { c.now = c.now.Add(by) }

func neverShorter() *backoff {
	return &backoff{fraction: func() float64 { return 0 }, bound: shortestWait}
}

func halved() *backoff { return &backoff{fraction: func() float64 { return 1 }, bound: shortestWait} }

func away(retryDelay time.Duration) *Error {
	return &Error{Code: codes.Unavailable, Message: "away", RetryDelay: retryDelay}
}

func decisions(clock *clock, reconnectTimeout time.Duration) *batchWatch {
	return newBatchWatch(&reportsv1.WatchBatchRequest{BatchId: batchID}, &interruptions{
		patience: 30 * time.Second, reconnectTimeout: reconnectTimeout, backoff: neverShorter(), now: clock.read,
		downSince: clock.now,
	})
}

func batchesDecisions() *batchesWatch {
	return newBatchesWatch(&reportsv1.WatchBatchesRequest{}, newInterruptions(30*time.Second, 0))
}

// goesOn demands that there is another attempt after this wait, any if it is 0.
func goesOn(t *testing.T, wait time.Duration, again bool, want time.Duration) {
	t.Helper()
	if !again || want != 0 && wait != want {
		t.Errorf("got a wait of %v and another attempt: %v; want %v and another", wait, again, want)
	}
}

func endsIt(t *testing.T, again bool) {
	t.Helper()
	if again {
		t.Error("there is another attempt; want none")
	}
}

func TestWaitsDoubleUpToASecondAndAreShortenedByUpToHalf(t *testing.T) {
	full, half := neverShorter(), halved()
	for _, want := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
		if got := full.next(0); got != want*time.Millisecond {
			t.Errorf("got %v, want %d ms", got, want)
		}
		if got := half.next(0); got != want*time.Millisecond/2 {
			t.Errorf("got %v, want half of %d ms", got, want)
		}
	}
	full.reset()
	if got := full.next(0); got != shortestWait {
		t.Errorf("got %v after a success, want %v", got, shortestWait)
	}
}

func TestAWaitThatTheServerAsksForIsNeverCutShort(t *testing.T) {
	if got := halved().next(5 * time.Second); got != 5050*time.Millisecond {
		t.Errorf("got %v, want 5.05 s", got)
	}
}

func TestAttempts(t *testing.T) {
	attemptsOf := func(clock *clock) *attempts {
		return &attempts{backoff: neverShorter(), now: clock.read, endsAt: clock.now.Add(30 * time.Second)}
	}
	t.Run("they end with the time-out", func(t *testing.T) {
		clock := newClock()
		attempts := attemptsOf(clock)
		wait, again := attempts.waitAfter(away(0))
		goesOn(t, wait, again, 100*time.Millisecond)
		clock.move(29900 * time.Millisecond)
		_, again = attempts.waitAfter(away(0))
		endsIt(t, again)
	})
	t.Run("a wait that would outlast the time-out is not begun", func(t *testing.T) {
		_, again := attemptsOf(newClock()).waitAfter(away(time.Minute))
		endsIt(t, again)
	})
	t.Run("what trying again does not help ends them at once", func(t *testing.T) {
		for _, code := range []codes.Code{codes.InvalidArgument, codes.DeadlineExceeded, codes.Internal, codes.Aborted} {
			_, again := attemptsOf(newClock()).waitAfter(&Error{Code: code})
			endsIt(t, again)
		}
	})
}

func TestAWatchWithoutAReconnectTimeoutTriesForEver(t *testing.T) {
	clock := newClock()
	watch := decisions(clock, 0)
	watch.take(message(snapshot(1)))
	for range 100 {
		clock.move(time.Hour)
		wait, again := watch.waitAfter(away(0))
		goesOn(t, wait, again, 0)
	}
}

func TestAWatchThatNeverHeardAnythingEndsWithTheTimeoutOfCalls(t *testing.T) {
	clock := newClock()
	watch := decisions(clock, 0)
	wait, again := watch.waitAfter(away(0))
	goesOn(t, wait, again, 0)
	clock.move(30 * time.Second)
	_, again = watch.waitAfter(away(0))
	endsIt(t, again)
}

func TestEveryInterruptionHasTheWholeReconnectTimeout(t *testing.T) {
	clock := newClock()
	watch := decisions(clock, 10*time.Second)
	for range 5 {
		watch.take(message(heartbeat(1)))
		wait, again := watch.waitAfter(away(0))
		goesOn(t, wait, again, 100*time.Millisecond)
		clock.move(9 * time.Second)
		wait, again = watch.waitAfter(away(0))
		goesOn(t, wait, again, 0)
	}
	clock.move(9 * time.Second)
	_, again := watch.waitAfter(away(0))
	endsIt(t, again)
}

func TestACutWithoutAReasonIsBelievedWhenTheStreamBroughtNothingSinceTheLast(t *testing.T) {
	for _, code := range []codes.Code{codes.Internal, codes.Unknown, codes.Canceled, codes.DeadlineExceeded} {
		watch := decisions(newClock(), 0)
		watch.take(message(snapshot(1)))
		wait, again := watch.waitAfter(&Error{Code: code})
		goesOn(t, wait, again, 0)
		_, again = watch.waitAfter(&Error{Code: code})
		endsIt(t, again)
	}
}

func TestTheWordOfTheServerIsNotTakenForACut(t *testing.T) {
	watch := decisions(newClock(), 0)
	watch.take(message(snapshot(1)))
	_, again := watch.waitAfter(&Error{Code: codes.Internal, Reason: "INTERNAL_ERROR"})
	endsIt(t, again)
}

func TestALimitWithAWaitEndsAWatchAtFirstAndInterruptsItLaterOn(t *testing.T) {
	for _, reason := range []string{"TOO_MANY_WATCHERS", "WATCHER_TOO_SLOW"} {
		limit := &Error{Code: codes.ResourceExhausted, Reason: reason, RetryDelay: 5 * time.Second}
		watch := decisions(newClock(), 10*time.Second)
		_, again := watch.waitAfter(limit)
		endsIt(t, again)
		watch.take(message(snapshot(1)))
		wait, again := watch.waitAfter(away(0))
		goesOn(t, wait, again, 100*time.Millisecond)
		wait, again = watch.waitAfter(limit)
		goesOn(t, wait, again, 5200*time.Millisecond)
		_, again = watch.waitAfter(&Error{Code: codes.ResourceExhausted, Reason: reason})
		endsIt(t, again)
	}
	clock := newClock()
	watch := decisions(clock, 10*time.Second)
	watch.take(message(snapshot(1)))
	limit := &Error{Code: codes.ResourceExhausted, RetryDelay: time.Second}
	wait, again := watch.waitAfter(limit)
	goesOn(t, wait, again, 1100*time.Millisecond)
	clock.move(9 * time.Second)
	_, again = watch.waitAfter(limit)
	endsIt(t, again)
}

func TestCompactionEndsAWatchThatHadNoPosition(t *testing.T) {
	compacted := &Error{Code: codes.OutOfRange, Reason: sequenceCompacted}
	_, again := decisions(newClock(), 0).waitAfter(compacted)
	endsIt(t, again)
}

func TestSilenceIsThreeHeartbeatIntervals(t *testing.T) {
	if got := silenceLimit(nil); got != 45*time.Second {
		t.Errorf("got %v by default, want 45 s", got)
	}
	if got := silenceLimit(durationpb.New(2 * time.Second)); got != 6*time.Second {
		t.Errorf("got %v for 2 s, want 6 s", got)
	}
}

func TestAWatchOfManyBatchesTakesProgressAndWhatItDoesNotKnowButNoHeartbeats(t *testing.T) {
	watch := batchesDecisions()
	watch.take(batchesMessage("a", snapshot(3)))
	unknown := &reportsv1.BatchEvent{BatchId: batchID, Sequence: 4}
	equal(t, sequences(watch.take(batchesMessage("b", progress(3), heartbeat(0), unknown, unknown))), []int64{3, 4})
	equal(t, sequences(watch.take(batchesMessage("c", progress(5), changed(4), changed(5)))), []int64{5, 5})
}

func TestAWatchOfManyBatchesWhoseTokenHasExpiredStartsAgainWithSnapshots(t *testing.T) {
	expired := &Error{Code: codes.OutOfRange, Reason: resumeTokenExpired}
	watch := batchesDecisions()
	_, again := watch.waitAfter(expired)
	endsIt(t, again)
	watch.take(batchesMessage("a", snapshot(3), changed(4), of("y", changed(9))))
	wait, again := watch.waitAfter(expired)
	goesOn(t, wait, again, 0)
	same(t, watch.next(), &reportsv1.WatchBatchesRequest{})
	// The database may have been restored to a time before what was told.
	begun := batchesMessage("b", snapshot(2), changed(3), changed(3), of("y", changed(8)))
	equal(t, sequences(watch.take(begun)), []int64{2, 3, 8})
}

func TestAWatchOfManyBatchesRemembersThoseThatHadEventsMostRecently(t *testing.T) {
	watch := batchesDecisions()
	others := func(count int) {
		for range count {
			watch.take(batchesMessage("a", of(uuid.NewString(), changed(1))))
		}
	}
	others(rememberedBatches / 2)
	watch.take(batchesMessage("b", changed(7)))
	others(rememberedBatches - 1)
	equal(t, sequences(watch.take(batchesMessage("c", changed(7), changed(8)))), []int64{8})
	others(3 * rememberedBatches)
	if known := len(watch.positions.newest) + len(watch.positions.older); known > 2*rememberedBatches {
		t.Errorf("it remembers %d batches", known)
	}
}

func TestTheRequestOfTheCallerIsLeftAsItIs(t *testing.T) {
	request := &reportsv1.WatchBatchRequest{BatchId: batchID}
	watch := newBatchWatch(request, newInterruptions(time.Second, 0))
	watch.take(message(snapshot(5)))
	same(t, watch.next(), &reportsv1.WatchBatchRequest{
		BatchId: batchID, TaskId: taskID, AfterSequence: proto.Int64(5),
	})
	same(t, request, &reportsv1.WatchBatchRequest{BatchId: batchID})
}
