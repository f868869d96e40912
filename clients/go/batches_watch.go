package reports

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	reportsv1 "github.com/fna-reports/fna-reports/clients/go/fna/reports/v1"
)

const (
	resumeTokenExpired = "RESUME_TOKEN_EXPIRED"
	rememberedBatches  = 100_000
)

// batchesWatch has the decisions of one watch of all batches that match a filter, which continues by a token.
//
// The server may tell an event again after a resumption; it passes once as long as its batch is among the last 100,000
// that had events.
type batchesWatch struct {
	request       *reportsv1.WatchBatchesRequest
	positions     *recentPositions
	interruptions *interruptions
}

func newBatchesWatch(request *reportsv1.WatchBatchesRequest, interruptions *interruptions) *batchesWatch {
	return &batchesWatch{
		request:       proto.CloneOf(request),
		positions:     newRecentPositions(rememberedBatches),
		interruptions: interruptions,
	}
}

// next returns the request of the next call, which continues after the last message that was handed out.
func (w *batchesWatch) next() *reportsv1.WatchBatchesRequest {
	return w.request
}

// take returns what to hand out of a message, and notes where to continue. It uses the slice of the message for that.
func (w *batchesWatch) take(response *reportsv1.WatchBatchesResponse) []*reportsv1.BatchEvent {
	w.interruptions.alive()
	w.request.ResumeToken = response.ResumeToken
	return slices.DeleteFunc(response.Events, func(event *reportsv1.BatchEvent) bool { return !w.passes(event) })
}

func (w *batchesWatch) passes(event *reportsv1.BatchEvent) bool {
	switch event.Event.(type) {
	case *reportsv1.BatchEvent_Progress:
		return true // Not part of the history: it repeats a sequence and moves nothing.
	case *reportsv1.BatchEvent_Heartbeat:
		return false
	case *reportsv1.BatchEvent_Snapshot:
		// The beginning of what follows, wherever that is.
	default:
		if event.Sequence <= w.positions.of(event.BatchId) {
			return false
		}
	}
	w.positions.move(event.BatchId, event.Sequence)
	return true
}

// waitAfter returns how long to wait before the next call, and false when another one does not help.
func (w *batchesWatch) waitAfter(failure *Error) (time.Duration, bool) {
	if failure.Reason == resumeTokenExpired && w.request.ResumeToken != "" {
		w.request.ResumeToken = ""
		// A database that was restored gives the sequences after its backup a second time, to other events.
		w.positions = newRecentPositions(rememberedBatches)
	} else if !w.interruptions.cut(failure) {
		return 0, false
	}
	return w.interruptions.wait(failure)
}
