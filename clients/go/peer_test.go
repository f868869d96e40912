package reports

import (
	"context"
	"errors"
	"io"
	"iter"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	reportsv1 "github.com/fna-reports/fna-reports/clients/go/fna/reports/v1"
)

const (
	batchID  = "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c01"
	taskID   = "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c02"
	reportID = "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c03"
)

// errSilence is an answer, or a step of a stream: nothing more is sent until the client ends the call.
var errSilence = errors.New("silence")

// peerServer is a service that answers as a test says.
//
// answers has for each method what its calls get, one after the other, the last one for ever: a message, an error, or
// errSilence. GetBatch has one from the beginning, since watches ask for their execution.
// streams has the same for the watches: functions from the request to steps, which are messages, an error that ends the
// stream, or errSilence. ended has a value for each stream that is over.
type peerServer struct {
	answers map[string][]any
	streams []func(request proto.Message) iter.Seq[any]
	ended   chan struct{}

	mutex    sync.Mutex
	requests map[string][][]proto.Message
	metadata metadata.MD // Of the last unary call.
	address  string
	server   *grpc.Server
}

func newPeer(t *testing.T, options ...grpc.ServerOption) *peerServer {
	t.Helper()
	made := &peerServer{
		answers: map[string][]any{"GetBatch": {&reportsv1.GetBatchResponse{Batch: processing()}}},
		ended:   make(chan struct{}, 1000), requests: map[string][][]proto.Message{}, address: "127.0.0.1:0",
	}
	made.start(t, options...)
	t.Cleanup(func() { made.server.Stop() })
	return made
}

// start serves, at the address that it had before.
func (p *peerServer) start(t *testing.T, options ...grpc.ServerOption) {
	t.Helper()
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	p.address = listener.Addr().String()
	p.server = grpc.NewServer(append(options, grpc.UnaryInterceptor(p.unary), grpc.StreamInterceptor(p.stream))...)
	reportsv1.RegisterBatchSubmissionServiceServer(p.server, reportsv1.UnimplementedBatchSubmissionServiceServer{})
	reportsv1.RegisterBatchStatusServiceServer(p.server, reportsv1.UnimplementedBatchStatusServiceServer{})
	reportsv1.RegisterReportServiceServer(p.server, reportsv1.UnimplementedReportServiceServer{})
	reportsv1.RegisterDiagnosticsServiceServer(p.server, reportsv1.UnimplementedDiagnosticsServiceServer{})
	go p.server.Serve(listener)
}

func (p *peerServer) client(t *testing.T, options ...Option) *Client {
	t.Helper()
	client, err := NewClient(p.address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// calls returns the requests of a method: the first message of each call.
func (p *peerServer) calls(method string) []proto.Message {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	var first []proto.Message
	for _, messages := range p.requests[method] {
		first = append(first, messages[0])
	}
	return first
}

// watchedAfter returns the after_sequence of every watch that came, nowhere for none.
func (p *peerServer) watchedAfter() []int64 {
	var found []int64
	for _, message := range p.calls("WatchBatch") {
		request := message.(*reportsv1.WatchBatchRequest)
		if request.AfterSequence == nil {
			found = append(found, nowhere)
		} else {
			found = append(found, *request.AfterSequence)
		}
	}
	return found
}

// watchedTasks returns the task_id of every watch that came.
func (p *peerServer) watchedTasks() []string {
	var found []string
	for _, message := range p.calls("WatchBatch") {
		found = append(found, message.(*reportsv1.WatchBatchRequest).TaskId)
	}
	return found
}

func (p *peerServer) note(method string, messages ...proto.Message) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.requests[method] = append(p.requests[method], messages)
}

func (p *peerServer) answer(method string) (any, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	answer := next(p.answers[method])
	if len(p.answers[method]) > 1 {
		p.answers[method] = p.answers[method][1:]
	}
	if err, refused := answer.(error); refused {
		return nil, err
	}
	return answer, nil
}

func (p *peerServer) unary(
	ctx context.Context, request any, info *grpc.UnaryServerInfo, _ grpc.UnaryHandler,
) (any, error) {
	method := methodName(info.FullMethod)
	p.note(method, request.(proto.Message))
	p.mutex.Lock()
	p.metadata, _ = metadata.FromIncomingContext(ctx)
	p.mutex.Unlock()
	answer, err := p.answer(method)
	if errors.Is(err, errSilence) {
		<-ctx.Done()
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	return answer, err
}

func (p *peerServer) stream(_ any, stream grpc.ServerStream, info *grpc.StreamServerInfo, _ grpc.StreamHandler) error {
	switch method := methodName(info.FullMethod); method {
	case "UploadReport":
		return p.upload(stream)
	case "WatchBatch":
		return p.watch(stream, method, &reportsv1.WatchBatchRequest{})
	default:
		return p.watch(stream, method, &reportsv1.WatchBatchesRequest{})
	}
}

func (p *peerServer) upload(stream grpc.ServerStream) error {
	var messages []proto.Message
	for {
		message := &reportsv1.UploadReportRequest{}
		if err := stream.RecvMsg(message); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		messages = append(messages, message)
	}
	p.note("UploadReport", messages...)
	answer, err := p.answer("UploadReport")
	if err != nil {
		return err
	}
	return stream.SendMsg(answer)
}

func (p *peerServer) watch(stream grpc.ServerStream, method string, request proto.Message) error {
	defer func() { p.ended <- struct{}{} }()
	if err := stream.RecvMsg(request); err != nil {
		return err
	}
	p.note(method, request)
	p.mutex.Lock()
	steps := next(p.streams)
	if len(p.streams) > 1 {
		p.streams = p.streams[1:]
	}
	p.mutex.Unlock()
	for step := range steps(request) {
		switch step := step.(type) {
		case error:
			if errors.Is(step, errSilence) {
				<-stream.Context().Done()
			}
			return step
		default:
			if err := stream.SendMsg(step); err != nil {
				return err
			}
		}
	}
	return nil
}

// next returns the first of what is left.
func next[Step any](steps []Step) Step {
	if len(steps) == 0 {
		panic("the test says nothing about this call")
	}
	return steps[0]
}

func methodName(full string) string {
	return full[strings.LastIndex(full, "/")+1:]
}

// steps is a stream that sends these, whatever was asked.
func steps(all ...any) func(proto.Message) iter.Seq[any] {
	return func(proto.Message) iter.Seq[any] { return slices.Values(all) }
}

// refusal is an error as the services write it, or without a reason as a proxy does.
func refusal(code codes.Code, reason string, details ...protoadapt.MessageV1) error {
	made := status.New(code, "no")
	if reason != "" {
		info := &errdetails.ErrorInfo{
			Reason: reason, Domain: "reports.fna", Metadata: map[string]string{"batch_id": batchID},
		}
		details = append([]protoadapt.MessageV1{info}, details...)
	}
	made, err := made.WithDetails(details...)
	if err != nil {
		panic(err)
	}
	return made.Err()
}

// draining is what a server says that is being stopped.
func draining(retryAfter time.Duration) error {
	if retryAfter == 0 {
		return refusal(codes.Unavailable, "")
	}
	return refusal(codes.Unavailable, "", &errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter)})
}

func processing() *reportsv1.Batch {
	return &reportsv1.Batch{
		BatchId: batchID, TaskId: taskID, Status: reportsv1.BatchStatus_BATCH_STATUS_PROCESSING, TotalReports: 2,
	}
}

func message(events ...*reportsv1.BatchEvent) *reportsv1.WatchBatchResponse {
	return &reportsv1.WatchBatchResponse{Events: events}
}

// batchesMessage is a message of a watch of many batches.
func batchesMessage(token string, events ...*reportsv1.BatchEvent) *reportsv1.WatchBatchesResponse {
	return &reportsv1.WatchBatchesResponse{Events: events, ResumeToken: token}
}

// of returns the event as one of another batch.
func of(batchID string, event *reportsv1.BatchEvent) *reportsv1.BatchEvent {
	event.BatchId = batchID
	return event
}

func snapshot(sequence int64) *reportsv1.BatchEvent {
	return &reportsv1.BatchEvent{
		BatchId: batchID, Sequence: sequence, Event: &reportsv1.BatchEvent_Snapshot{Snapshot: processing()},
	}
}

func heartbeat(sequence int64) *reportsv1.BatchEvent {
	return &reportsv1.BatchEvent{
		BatchId: batchID, Sequence: sequence, Event: &reportsv1.BatchEvent_Heartbeat{Heartbeat: &reportsv1.Heartbeat{}},
	}
}

func progress(sequence int64) *reportsv1.BatchEvent {
	step := &reportsv1.BatchItemProgress{ReportId: reportID, Step: "VALIDATION", Fraction: 0.25}
	return &reportsv1.BatchEvent{
		BatchId: batchID, Sequence: sequence, Event: &reportsv1.BatchEvent_Progress{Progress: step},
	}
}

func changed(sequence int64) *reportsv1.BatchEvent {
	change := &reportsv1.BatchItemChanged{Item: &reportsv1.BatchItem{ReportId: reportID}}
	return &reportsv1.BatchEvent{
		BatchId: batchID, Sequence: sequence, Event: &reportsv1.BatchEvent_ItemChanged{ItemChanged: change},
	}
}

func finished(sequence int64) *reportsv1.BatchEvent {
	change := &reportsv1.BatchStatusChanged{Batch: processing(), Final: true}
	return &reportsv1.BatchEvent{
		BatchId: batchID, Sequence: sequence, Event: &reportsv1.BatchEvent_StatusChanged{StatusChanged: change},
	}
}

func sequences(events []*reportsv1.BatchEvent) []int64 {
	var found []int64
	for _, event := range events {
		found = append(found, event.Sequence)
	}
	return found
}

// within returns a context that ends a test that would hang.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// await demands that a channel has a value soon.
func await(t *testing.T, signal <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-signal:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s did not come within 10 s", what)
	}
}

func equal[Element comparable](t *testing.T, got, want []Element) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func same(t *testing.T, got, want proto.Message) {
	t.Helper()
	if !proto.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// is demands that an error is of a kind, and returns it.
func is(t *testing.T, err, kind error) *Error {
	t.Helper()
	var found *Error
	if !errors.Is(err, kind) || !errors.As(err, &found) {
		t.Fatalf("got the error %v, want one that is %v", err, kind)
	}
	return found
}
