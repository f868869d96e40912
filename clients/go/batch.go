package reports

import (
	"context"
	"iter"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	reportsv1 "github.com/fna-reports/fna-reports/clients/go/fna/reports/v1"
)

// Batch is a handle of a batch, or of one execution of it: what [Client.Submit], [Client.Batch] and [Batch.Retry] return.
// It never changes.
type Batch struct {
	client  *Client
	id      string
	taskID  string
	message *reportsv1.Batch
}

func (c *Client) handle(message *reportsv1.Batch) *Batch {
	return &Batch{client: c, id: message.GetBatchId(), taskID: message.GetTaskId(), message: message}
}

// ID returns the identifier of the batch.
func (b *Batch) ID() string { return b.id }

// TaskID returns the identifier of the execution that the handle is of, empty when it means the current one.
func (b *Batch) TaskID() string { return b.taskID }

// Message returns the batch as the call answered that returned this handle. It is nil when there was none.
func (b *Batch) Message() *reportsv1.Batch { return b.message }

// Execution returns a handle of another execution of the batch.
func (b *Batch) Execution(taskID string) *Batch {
	return &Batch{client: b.client, id: b.id, taskID: taskID}
}

// GetOptions change what [Batch.Get] returns.
type GetOptions struct {
	// View says how much; by default with the first 1,000 items.
	View reportsv1.BatchView
}

// Get returns the batch as it is, or as the execution of the handle ended, or fails with [ErrNotFound].
func (b *Batch) Get(ctx context.Context, options *GetOptions) (*reportsv1.Batch, error) {
	response, err := call(ctx, b.client, b.client.statuses.GetBatch, &reportsv1.GetBatchRequest{
		BatchId: b.id, TaskId: b.taskID, View: orDefaults(options).View,
	})
	return response.GetBatch(), err
}

// CancelOptions say more about a cancellation.
type CancelOptions struct {
	// Reason is kept with the batch.
	Reason string
	// Etag makes the call fail unless the batch is still that version.
	Etag string
}

// Cancel requests cancellation and returns the batch, which may still be CANCELLING: follow it to see the end.
//
// It fails with [ErrNotFound], with [ErrPrecondition] when the batch had finished, and with [ErrConflict] for the etag.
func (b *Batch) Cancel(ctx context.Context, options *CancelOptions) (*reportsv1.Batch, error) {
	chosen := orDefaults(options)
	response, err := call(ctx, b.client, b.client.submissions.CancelBatch, &reportsv1.CancelBatchRequest{
		BatchId: b.id, Reason: chosen.Reason, Etag: chosen.Etag,
	})
	return response.GetBatch(), err
}

// RetryOptions narrow a retry.
type RetryOptions struct {
	// ReportIDs are the reports to analyse again, of those that did not succeed; by default all of these.
	ReportIDs []string
	// RequestID is a UUID that makes repeated calls one retry; without it one is made for this call.
	RequestID string
	// Etag makes the call fail unless the batch is still that version.
	Etag string
}

// Retry starts a new execution over the reports that did not succeed, and returns its handle: of the same batch, with a
// new TaskID.
//
// It fails with [ErrNotFound], with [ErrPrecondition] when the batch still runs or nothing is left to retry, with
// [ErrInvalidRequest] when a report is not of this batch, and with [ErrConflict].
func (b *Batch) Retry(ctx context.Context, options *RetryOptions) (*Batch, error) {
	chosen := orDefaults(options)
	response, err := call(ctx, b.client, b.client.submissions.RetryBatch, &reportsv1.RetryBatchRequest{
		BatchId: b.id, ReportIds: chosen.ReportIDs, RequestId: requestID(chosen.RequestID), Etag: chosen.Etag,
	})
	if err != nil {
		return nil, err
	}
	return b.client.handle(response.Batch), nil
}

// ItemsOptions narrow a list of items or results.
type ItemsOptions struct {
	// Statuses leaves out items with others.
	Statuses []reportsv1.BatchItemStatus
	// PageSize is how many are fetched at a time; 0 leaves it to the server.
	PageSize int32
}

// Items yields the items in the order of submission, as they are or as the execution of the handle left them. An error
// ends it.
func (b *Batch) Items(ctx context.Context, options *ItemsOptions) iter.Seq2[*reportsv1.BatchItem, error] {
	chosen := orDefaults(options)
	return paged(ctx, b.client, b.client.statuses.ListBatchItems, func(token string) *reportsv1.ListBatchItemsRequest {
		return &reportsv1.ListBatchItemsRequest{
			BatchId: b.id, TaskId: b.taskID, Statuses: chosen.Statuses, PageSize: chosen.PageSize, PageToken: token,
		}
	}, (*reportsv1.ListBatchItemsResponse).GetItems)
}

// Results yields the items with their reports and analyses, in the order of submission. It may be called while the batch
// still runs: an item that did not succeed yet has no analysis. An error ends it.
func (b *Batch) Results(ctx context.Context, options *ItemsOptions) iter.Seq2[*reportsv1.BatchResult, error] {
	chosen := orDefaults(options)
	return paged(ctx, b.client, b.client.statuses.ListBatchResults, func(token string) *reportsv1.ListBatchResultsRequest {
		return &reportsv1.ListBatchResultsRequest{
			BatchId: b.id, TaskId: b.taskID, Statuses: chosen.Statuses, PageSize: chosen.PageSize, PageToken: token,
		}
	}, (*reportsv1.ListBatchResultsResponse).GetResults)
}

// EventsOptions say where a watch begins, and how it goes on.
type EventsOptions struct {
	// AfterSequence is the sequence of the last event that you processed, for example proto.Int64(17): the watch continues
	// after it, and 0 is the whole history. Without it come all events after Message, or, where the handle has none, a
	// snapshot of the present and all events after that.
	AfterSequence *int64
	// HeartbeatInterval is the longest silence of the server, 1 to 60 s; 0 is 15 s.
	HeartbeatInterval time.Duration
	// ExcludeItemEvents leaves out the events of single reports.
	ExcludeItemEvents bool
	// OnInterruption is told why, each time that the watch was interrupted and continues.
	OnInterruption func(error)
}

// Events yields the events of the batch, each once and in order, until its execution is over. Progress events repeat a
// sequence and may be lost; heartbeats are not handed out. An error ends it.
//
// The watch continues by itself, after the last event that it handed out, when the server goes away, the connection
// breaks, nothing came for three times the heartbeat interval, or, once anything came, a limit is met of which the server
// says when to come again. When the events in between are no longer kept, it starts again with a snapshot, which replaces
// all that was known before. It ends the stream when the loop is left.
//
// Its execution is that of the handle, or else the one that is current when the loop begins, and stays that when the batch
// is retried; with AfterSequence a call of GetBatch finds it out first.
//
// It fails with [ErrNotFound]; with [ErrOutOfRange] when AfterSequence is after the newest event; with [ErrLimitExceeded]
// when there are too many watchers at first, or for all of the reconnect time-out later on; with [ErrUnavailable] when the
// server does not answer within the client's time-out at first (or within three heartbeat intervals, if they are longer),
// or within its reconnect time-out later on; with [ErrDataLoss] when the server leaves out an event however often it is
// asked; and with the error of its context.
func (b *Batch) Events(ctx context.Context, options *EventsOptions) iter.Seq2[*reportsv1.BatchEvent, error] {
	chosen := orDefaults(options)
	request := &reportsv1.WatchBatchRequest{
		BatchId:           b.id,
		TaskId:            b.taskID,
		AfterSequence:     b.begin(chosen),
		HeartbeatInterval: duration(chosen.HeartbeatInterval),
		ExcludeItemEvents: chosen.ExcludeItemEvents,
	}
	client := b.client
	return func(yield func(*reportsv1.BatchEvent, error) bool) {
		pinned, err := client.pinned(ctx, request)
		if err != nil {
			yield(nil, err)
			return
		}
		watch := newBatchWatch(pinned, newInterruptions(client.timeout, client.reconnectTimeout))
		messages := stream[reportsv1.WatchBatchResponse]{
			open: func(ctx context.Context) (grpc.ServerStreamingClient[reportsv1.WatchBatchResponse], error) {
				return client.statuses.WatchBatch(ctx, watch.next())
			},
			hand: func(message *reportsv1.WatchBatchResponse) (bool, *Error) {
				for _, event := range watch.take(message) {
					if !yield(event, nil) {
						return false, nil
					}
				}
				return true, watch.check()
			},
			waitAfter:      watch.waitAfter,
			onInterruption: chosen.OnInterruption,
			silenceLimit:   silenceLimit(request.HeartbeatInterval),
			transport:      client.transport,
		}
		if err := messages.follow(ctx); err != nil {
			yield(nil, err)
		}
	}
}

// begin returns the sequence of the last event that need not be told, nil when a snapshot has to come first.
func (b *Batch) begin(chosen EventsOptions) *int64 {
	if chosen.AfterSequence == nil && b.message != nil {
		return proto.Int64(b.message.LastSequence)
	}
	return chosen.AfterSequence
}

// pinned returns the request with an execution. A watch that begins with a snapshot learns its own from that; one that
// continues after a sequence has to ask for it, or it would go on with the next when the batch is retried while it is cut.
func (c *Client) pinned(
	ctx context.Context, request *reportsv1.WatchBatchRequest,
) (*reportsv1.WatchBatchRequest, error) {
	if request.TaskId != "" || request.AfterSequence == nil {
		return request, nil
	}
	current, err := c.Batch(request.BatchId).Get(ctx, &GetOptions{View: reportsv1.BatchView_BATCH_VIEW_BASIC})
	if err != nil {
		return nil, err
	}
	request = proto.CloneOf(request)
	request.TaskId = current.GetTaskId()
	return request, nil
}

// Result waits until the execution is over, and returns the batch as that left it, without its items, and all results in
// the order of submission. How it ended is the Status of the batch and of each item; an error says that it is not known.
func (b *Batch) Result(ctx context.Context) (*reportsv1.Batch, []*reportsv1.BatchResult, error) {
	execution := b
	for event, err := range b.Events(ctx, &EventsOptions{ExcludeItemEvents: true}) {
		if err != nil {
			return nil, nil, err
		}
		if snapshot := event.GetSnapshot(); snapshot != nil {
			execution = b.Execution(snapshot.TaskId)
		}
	}
	final, err := execution.Get(ctx, &GetOptions{View: reportsv1.BatchView_BATCH_VIEW_BASIC})
	if err != nil {
		return nil, nil, err
	}
	results, err := collected(execution.Results(ctx, nil))
	return final, results, err
}
