package reports

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	reportsv1 "github.com/fna-reports/fna-reports/clients/go/fna/reports/v1"
)

const resumeTokenExpired = "RESUME_TOKEN_EXPIRED"

// batchesWatch has the decisions of one watch of all batches that match a filter, which continues by a token.
type batchesWatch struct {
	request       *reportsv1.WatchBatchesRequest
	interruptions *interruptions
}

func newBatchesWatch(request *reportsv1.WatchBatchesRequest, interruptions *interruptions) *batchesWatch {
	return &batchesWatch{request: proto.CloneOf(request), interruptions: interruptions}
}

// next returns the request of the next call, which continues after the last message that was handed out.
func (w *batchesWatch) next() *reportsv1.WatchBatchesRequest {
	return w.request
}

// take notes where to continue, and leaves heartbeats out of the message.
func (w *batchesWatch) take(response *reportsv1.WatchBatchesResponse) {
	w.interruptions.alive()
	w.request.ResumeToken = response.ResumeToken
	response.Events = slices.DeleteFunc(response.Events, func(event *reportsv1.BatchEvent) bool {
		return event.GetHeartbeat() != nil
	})
}

// waitAfter returns how long to wait before the next call, and false when another one does not help.
func (w *batchesWatch) waitAfter(failure *Error) (time.Duration, bool) {
	if failure.Reason == resumeTokenExpired && w.request.ResumeToken != "" {
		w.request.ResumeToken = ""
	} else if !w.interruptions.cut(failure) {
		return 0, false
	}
	return w.interruptions.wait(failure)
}
