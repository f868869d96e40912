package reports

import (
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	reportsv1 "github.com/fna-reports/fna-reports/clients/go/fna/reports/v1"
)

const (
	gapsInARow        = 3
	sequenceGap       = "SEQUENCE_GAP"
	sequenceCompacted = "SEQUENCE_COMPACTED"
)

// batchWatch has the decisions of one watch of a batch: what to hand out, when to connect again, and where to continue.
type batchWatch struct {
	request       *reportsv1.WatchBatchRequest
	position      position
	interruptions *interruptions
	gaps          int
}

func newBatchWatch(request *reportsv1.WatchBatchRequest, interruptions *interruptions) *batchWatch {
	last := nowhere
	if request.AfterSequence != nil {
		last = request.GetAfterSequence()
	}
	return &batchWatch{
		request:       proto.CloneOf(request),
		position:      newPosition(last, !request.ExcludeItemEvents),
		interruptions: interruptions,
	}
}

// next returns the request of the next call, which continues after the last event that was handed out.
func (w *batchWatch) next() *reportsv1.WatchBatchRequest {
	w.position.resume()
	w.request.AfterSequence = nil
	if w.position.last != nowhere {
		w.request.AfterSequence = proto.Int64(w.position.last)
	}
	return w.request
}

// take returns what to hand out of a message.
func (w *batchWatch) take(response *reportsv1.WatchBatchResponse) []*reportsv1.BatchEvent {
	w.interruptions.alive()
	before := w.position.last
	events := w.position.take(response.Events)
	if w.position.last != before {
		w.gaps = 0
	}
	if len(events) > 0 && w.request.TaskId == "" {
		// Else a watch that is cut just before a retry of the batch would go on with the next execution.
		w.request.TaskId = events[0].GetSnapshot().GetTaskId()
	}
	return events
}

// check returns an error when the stream left out an event, so that it is dropped and resumed.
func (w *batchWatch) check() *Error {
	if w.position.gap == nowhere {
		return nil
	}
	return &Error{
		Code:    codes.DataLoss,
		Reason:  sequenceGap,
		Message: fmt.Sprintf("the stream went from event %d to event %d", w.position.last, w.position.gap),
	}
}

// waitAfter returns how long to wait before the next call, and false when another one does not help.
func (w *batchWatch) waitAfter(failure *Error) (time.Duration, bool) {
	switch {
	case failure.Reason == sequenceCompacted && w.position.last != nowhere:
		w.position.restart()
	case failure.Reason == sequenceGap:
		w.gaps++
		if w.gaps >= gapsInARow {
			return 0, false
		}
	case !w.interruptions.cut(failure):
		return 0, false
	}
	return w.interruptions.wait(failure)
}
