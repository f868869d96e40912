package reports_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	reports "github.com/fna-reports/fna-reports/clients/go"
	reportsv1 "github.com/fna-reports/fna-reports/clients/go/fna/reports/v1"
)

func Example() {
	server := serve()
	defer server.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	client, err := reports.NewClient(server.Address)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	content := strings.NewReader("Item 1A. Risk Factors. Demand may decline.")
	report, err := client.Upload(ctx, "10k_acme.txt", content, reports.UploadOptions{
		CompanyID: reports.CompanyID("Acme"),
		Type:      reportsv1.ReportType_REPORT_TYPE_10_K,
	})
	if err != nil {
		log.Fatal(err)
	}
	batch, err := client.Submit(ctx, []string{report.ReportId}, nil)
	if err != nil {
		log.Fatal(err)
	}
	for event, err := range batch.Events(ctx, nil) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(event.Sequence, event.GetStatusChanged().GetBatch().GetStatus())
	}
	// Output:
	// 1 BATCH_STATUS_UNSPECIFIED
	// 2 BATCH_STATUS_COMPLETED
}

func ExampleBatch_Result() {
	server := serve()
	defer server.Stop()
	client, err := reports.NewClient(server.Address)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	batch, results, err := client.Batch("0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c01").Result(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(batch.Status)
	for _, result := range results {
		fmt.Printf("%s: optimism %.2f\n", result.Report.FileName, result.Analysis.Optimism.Value)
	}
	// Output:
	// BATCH_STATUS_COMPLETED
	// 10k_acme.txt: optimism 0.28
}

func ExampleError() {
	server := serve()
	defer server.Stop()
	client, err := reports.NewClient(server.Address)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	_, err = client.GetReport(context.Background(), "5f0c3c84-1f7b-4b0e-9a53-0d3b1f1f5c11")
	var failure *reports.Error
	if errors.Is(err, reports.ErrNotFound) && errors.As(err, &failure) {
		fmt.Println(failure.Code, failure.Message)
	}
	// Output: NotFound there is no such report
}

func ExampleNewClient() {
	client, err := reports.NewClient("reports.example.com:443",
		reports.WithTLS(nil),
		reports.WithAPIKey("the key that the operator gave you"),
		reports.WithTimeout(10*time.Second),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
}

func ExampleClient_WatchBatches() {
	server := serve()
	defer server.Stop()
	client, err := reports.NewClient(server.Address)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	token := "" // Of the last message that was processed, kept wherever it outlives this program.
	options := &reports.WatchBatchesOptions{Labels: map[string]string{"quarter": "q1-2024"}, ResumeToken: token}
	for message, err := range client.WatchBatches(context.Background(), options) {
		if err != nil {
			log.Fatal(err)
		}
		for _, event := range message.Events {
			fmt.Println(event.BatchId, event.Sequence)
		}
		token = message.ResumeToken
		if token != "" {
			break // Else it goes on for ever.
		}
	}
	// Output: batch 1
}

func ExampleCompanyID() {
	fmt.Println(reports.CompanyID("Acme"))
	fmt.Println(reports.CompanyID("22aa2b7a-9e8c-5ffc-9444-eeec3252bb16"))
	// Output:
	// 22aa2b7a-9e8c-5ffc-9444-eeec3252bb16
	// 22aa2b7a-9e8c-5ffc-9444-eeec3252bb16
}

// exampleServer is a service with one report, whose analysis is over at once.
type exampleServer struct {
	reportsv1.UnimplementedBatchSubmissionServiceServer
	reportsv1.UnimplementedBatchStatusServiceServer
	reportsv1.UnimplementedReportServiceServer
	*grpc.Server
	Address string
}

func serve() *exampleServer {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := &exampleServer{Server: grpc.NewServer(), Address: listener.Addr().String()}
	reportsv1.RegisterBatchSubmissionServiceServer(server, server)
	reportsv1.RegisterBatchStatusServiceServer(server, server)
	reportsv1.RegisterReportServiceServer(server, server)
	go server.Serve(listener)
	return server
}

func (s *exampleServer) UploadReport(
	stream grpc.ClientStreamingServer[reportsv1.UploadReportRequest, reportsv1.UploadReportResponse],
) error {
	for {
		if _, err := stream.Recv(); err != nil {
			return stream.SendAndClose(&reportsv1.UploadReportResponse{Report: &reportsv1.Report{ReportId: "report"}})
		}
	}
}

func (s *exampleServer) GetReport(
	context.Context, *reportsv1.GetReportRequest,
) (*reportsv1.GetReportResponse, error) {
	return nil, status.Error(codes.NotFound, "there is no such report")
}

func (s *exampleServer) SubmitBatch(
	context.Context, *reportsv1.SubmitBatchRequest,
) (*reportsv1.SubmitBatchResponse, error) {
	return &reportsv1.SubmitBatchResponse{Batch: &reportsv1.Batch{BatchId: "batch", TaskId: "task"}}, nil
}

func (s *exampleServer) WatchBatch(
	_ *reportsv1.WatchBatchRequest, stream grpc.ServerStreamingServer[reportsv1.WatchBatchResponse],
) error {
	snapshot := &reportsv1.BatchEvent_Snapshot{Snapshot: &reportsv1.Batch{TaskId: "task"}}
	ended := &reportsv1.BatchEvent_StatusChanged{StatusChanged: &reportsv1.BatchStatusChanged{Batch: completed(), Final: true}}
	return stream.Send(&reportsv1.WatchBatchResponse{Events: []*reportsv1.BatchEvent{
		{Sequence: 1, Event: snapshot}, {Sequence: 2, Event: ended},
	}})
}

func (s *exampleServer) WatchBatches(
	_ *reportsv1.WatchBatchesRequest, stream grpc.ServerStreamingServer[reportsv1.WatchBatchesResponse],
) error {
	snapshot := &reportsv1.BatchEvent_Snapshot{Snapshot: &reportsv1.Batch{TaskId: "task"}}
	return stream.Send(&reportsv1.WatchBatchesResponse{
		Events: []*reportsv1.BatchEvent{{BatchId: "batch", Sequence: 1, Event: snapshot}}, ResumeToken: "token",
	})
}

func (s *exampleServer) GetBatch(context.Context, *reportsv1.GetBatchRequest) (*reportsv1.GetBatchResponse, error) {
	return &reportsv1.GetBatchResponse{Batch: completed()}, nil
}

func (s *exampleServer) ListBatchResults(
	context.Context, *reportsv1.ListBatchResultsRequest,
) (*reportsv1.ListBatchResultsResponse, error) {
	return &reportsv1.ListBatchResultsResponse{Results: []*reportsv1.BatchResult{{
		Report:   &reportsv1.Report{FileName: "10k_acme.txt"},
		Analysis: &reportsv1.ReportAnalysis{Optimism: &reportsv1.Score{Value: 0.28}},
	}}}, nil
}

func completed() *reportsv1.Batch {
	return &reportsv1.Batch{TaskId: "task", Status: reportsv1.BatchStatus_BATCH_STATUS_COMPLETED}
}
