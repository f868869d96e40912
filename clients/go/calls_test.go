package reports

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	reportsv1 "github.com/fna-reports/fna-reports/clients/go/fna/reports/v1"
)

var acme = UploadOptions{CompanyID: CompanyID("Acme"), Type: reportsv1.ReportType_REPORT_TYPE_10_K}

func TestASubmissionSaysWhatItWasTold(t *testing.T) {
	peer := newPeer(t)
	peer.answers["SubmitBatch"] = []any{&reportsv1.SubmitBatchResponse{Batch: processing()}}
	batch, err := peer.client(t).Submit(within(t), []string{reportID}, &SubmitOptions{
		RequestID:        taskID,
		Labels:           map[string]string{"quarter": "q1"},
		Priority:         proto.Int32(0),
		ExecutionTimeout: 2 * time.Minute,
		WebhookURL:       "https://example.com/hooks",
	})
	if err != nil {
		t.Fatal(err)
	}
	if batch.ID() != batchID || batch.TaskID() != taskID {
		t.Errorf("the handle is of batch %s, execution %s", batch.ID(), batch.TaskID())
	}
	same(t, batch.Message(), processing())
	same(t, peer.calls("SubmitBatch")[0], &reportsv1.SubmitBatchRequest{
		ReportIds:        []string{reportID},
		RequestId:        taskID,
		Labels:           map[string]string{"quarter": "q1"},
		Priority:         proto.Int32(0),
		ExecutionTimeout: durationpb.New(2 * time.Minute),
		WebhookUrl:       "https://example.com/hooks",
	})
}

func TestTheAttemptsOfAWriteCarryOneRequestIDAndTwoCallsCarryTwo(t *testing.T) {
	peer := newPeer(t)
	peer.answers["SubmitBatch"] = []any{draining(0), draining(0), &reportsv1.SubmitBatchResponse{Batch: processing()}}
	peer.answers["RetryBatch"] = []any{draining(0), &reportsv1.RetryBatchResponse{Batch: processing()}}
	peer.answers["RegisterReport"] = []any{draining(0), &reportsv1.RegisterReportResponse{}}
	client, ctx := peer.client(t), within(t)
	for range 2 {
		if _, err := client.Submit(ctx, []string{reportID}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.Batch(batchID).Retry(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Register(ctx, "file:///filings/a.htm", RegisterOptions{CompanyID: acme.CompanyID}); err != nil {
		t.Fatal(err)
	}
	for method, want := range map[string][]int{"SubmitBatch": {0, 0, 0, 3}, "RetryBatch": {0, 0}, "RegisterReport": {0, 0}} {
		var ids []string
		var first []int
		for _, request := range peer.calls(method) {
			id := request.(interface{ GetRequestId() string }).GetRequestId()
			if err := uuid.Validate(id); err != nil {
				t.Error(err)
			}
			ids = append(ids, id)
			first = append(first, slices.Index(ids, id))
		}
		equal(t, first, want)
	}
}

func TestAServerThatAsksForAWaitIsGivenIt(t *testing.T) {
	peer := newPeer(t)
	peer.answers["GetBatch"] = []any{draining(300 * time.Millisecond), &reportsv1.GetBatchResponse{Batch: processing()}}
	began := time.Now()
	if _, err := peer.client(t).Batch(batchID).Get(within(t), nil); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("it was called again after %v", took)
	}
}

func TestAnUnavailableServerIsTriedUntilTheTimeout(t *testing.T) {
	peer := newPeer(t)
	peer.answers["GetBatch"] = []any{draining(0)}
	_, err := peer.client(t, WithTimeout(500*time.Millisecond)).Batch(batchID).Get(within(t), nil)
	is(t, err, ErrUnavailable)
	if attempts := len(peer.calls("GetBatch")); attempts < 2 {
		t.Errorf("there were %d attempts", attempts)
	}
}

func TestAnAddressWhereNobodyListensIsUnavailable(t *testing.T) {
	peer := newPeer(t)
	peer.server.Stop()
	client := peer.client(t, WithTimeout(300*time.Millisecond))
	_, err := client.GetReport(within(t), reportID)
	is(t, err, ErrUnavailable)
	ctx, cancel := context.WithTimeout(within(t), 100*time.Millisecond)
	defer cancel()
	err = client.Connect(ctx)
	is(t, err, ErrUnavailable)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want it to tell of the context too", err)
	}
}

func TestAClientThatIsClosedConnectsNoMore(t *testing.T) {
	peer := newPeer(t)
	peer.server.Stop()
	client, ctx := peer.client(t), within(t)
	waiting := make(chan error)
	go func() { waiting <- client.Connect(ctx) }()
	client.Close()
	for _, err := range []error{<-waiting, client.Connect(ctx)} {
		var found *Error
		if !errors.As(err, &found) || found.Code != codes.Canceled || found.Message != "the client is closed" {
			t.Errorf("got %v", err)
		}
	}
}

func TestAnAnswerThatTakesTooLongIsADeadlineExceededOfTheClient(t *testing.T) {
	peer := newPeer(t)
	peer.answers["GetReport"] = []any{errSilence}
	_, err := peer.client(t, WithTimeout(200*time.Millisecond)).GetReport(within(t), reportID)
	is(t, err, ErrDeadlineExceeded)
	if errors.Is(err, context.DeadlineExceeded) {
		t.Error("it is taken for the deadline of the caller")
	}
	if attempts := len(peer.calls("GetReport")); attempts != 1 {
		t.Errorf("there were %d attempts", attempts)
	}
}

func TestAContextThatEndsEndsTheCallAndItsWaits(t *testing.T) {
	peer := newPeer(t)
	peer.answers["GetReport"] = []any{draining(20 * time.Second)}
	ctx, cancel := context.WithTimeout(within(t), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := peer.client(t).GetReport(ctx, reportID)
	is(t, err, ErrDeadlineExceeded)
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 5*time.Second {
		t.Errorf("got %v after %v", err, time.Since(began))
	}
}

func TestEveryStatusHasItsError(t *testing.T) {
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		if code == codes.Unavailable {
			continue // Tried again: it has tests of its own.
		}
		peer := newPeer(t)
		peer.answers["GetReport"] = []any{refusal(code, "SOME_REASON")}
		_, err := peer.client(t).GetReport(within(t), reportID)
		var found *Error
		if !errors.As(err, &found) {
			t.Fatalf("%v: got %v", code, err)
		}
		for other, kind := range kinds {
			if got, want := errors.Is(err, kind), kinds[code] == kind; got != want {
				t.Errorf("%v is that of %v: %v", code, other, got)
			}
		}
		if found.Code != code || found.Reason != "SOME_REASON" || found.Metadata["batch_id"] != batchID {
			t.Errorf("%v: got %#v", code, found)
		}
		if err.Error() != "no [SOME_REASON]" || status.Code(errors.Unwrap(err)) != code {
			t.Errorf("%v: got %v of %v", code, err, errors.Unwrap(err))
		}
	}
}

func TestAnErrorHasTheDetailsOfTheTrailers(t *testing.T) {
	peer := newPeer(t)
	peer.answers["SubmitBatch"] = []any{refusal(codes.InvalidArgument, "INVALID_REQUEST",
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "report_ids[3]", Description: "must be a UUID"},
		}},
		&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{
			{Subject: "report_ids", Description: "at most 100"},
		}},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)},
	)}
	_, err := peer.client(t).Submit(within(t), []string{reportID}, nil)
	found := is(t, err, ErrInvalidRequest)
	if len(found.FieldViolations) != 1 || len(found.QuotaViolations) != 1 || found.RetryDelay != 1500*time.Millisecond {
		t.Errorf("got %#v", found)
	}
	if want := "no (report_ids[3]: must be a UUID; report_ids: at most 100) [INVALID_REQUEST]"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestAStatusInsideAMessageIsAnErrorToo(t *testing.T) {
	info, err := anypb.New(&errdetails.ErrorInfo{Reason: "PASSWORD_PROTECTED"})
	if err != nil {
		t.Fatal(err)
	}
	damaged := &anypb.Any{TypeUrl: info.TypeUrl, Value: []byte{0xff}}
	found := is(t, ErrorOf(&rpcstatus.Status{
		Code: int32(codes.FailedPrecondition), Message: "remove the password", Details: []*anypb.Any{damaged, info},
	}), ErrPrecondition)
	if found.Error() != "remove the password [PASSWORD_PROTECTED]" {
		t.Error(found)
	}
}

func TestAStatusThatIsOKOrMissingIsNoError(t *testing.T) {
	item := &reportsv1.BatchItem{}
	if err := ErrorOf(item.Error); err != nil {
		t.Errorf("got %v", err)
	}
	if err := ErrorOf(&rpcstatus.Status{Message: "fine"}); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestAValidationNamesEveryUnknownReport(t *testing.T) {
	unknown := slices.Repeat([]string{reportID}, 300)
	peer := newPeer(t)
	peer.answers["SubmitBatch"] = []any{&reportsv1.SubmitBatchResponse{UnknownReportIds: unknown}}
	_, err := peer.client(t).Validate(within(t), unknown, nil)
	found := is(t, err, ErrNotFound)
	if found.Reason != "REPORT_NOT_FOUND" || found.Metadata["unknown_count"] != "300" ||
		found.Metadata["report_ids"] != strings.Join(unknown, ",") {
		t.Errorf("got %#v", found)
	}
	if !peer.calls("SubmitBatch")[0].(*reportsv1.SubmitBatchRequest).ValidateOnly {
		t.Error("it was submitted")
	}
}

func TestTheOtherCallsPassOnTheirArguments(t *testing.T) {
	type calling func(context.Context, *Client) (proto.Message, error)
	report, analysis := &reportsv1.Report{ReportId: reportID}, &reportsv1.ReportAnalysis{ReportId: reportID}
	delta, settings := &reportsv1.NarrativeDelta{ReportId: reportID}, &reportsv1.WebhookSettings{Url: "https://a"}
	delivery := &reportsv1.WebhookDelivery{DeliveryId: taskID}
	diagnostics := &reportsv1.GetDiagnosticsResponse{Server: &reportsv1.ServerDiagnostics{OpenWatches: 3}}
	for method, test := range map[string]struct {
		call                   calling
		request, answer, gives proto.Message
	}{
		"GetBatch": {
			call: func(ctx context.Context, client *Client) (proto.Message, error) {
				return client.Batch(batchID).Execution(taskID).Get(ctx, &GetOptions{View: reportsv1.BatchView_BATCH_VIEW_BASIC})
			},
			request: &reportsv1.GetBatchRequest{
				BatchId: batchID, TaskId: taskID, View: reportsv1.BatchView_BATCH_VIEW_BASIC,
			},
			answer: &reportsv1.GetBatchResponse{Batch: processing()},
			gives:  processing(),
		},
		"CancelBatch": {
			call: func(ctx context.Context, client *Client) (proto.Message, error) {
				return client.Batch(batchID).Cancel(ctx, &CancelOptions{Reason: "wrong files", Etag: "1"})
			},
			request: &reportsv1.CancelBatchRequest{BatchId: batchID, Reason: "wrong files", Etag: "1"},
			answer:  &reportsv1.CancelBatchResponse{Batch: processing()},
			gives:   processing(),
		},
		"RetryBatch": {
			call: func(ctx context.Context, client *Client) (proto.Message, error) {
				options := &RetryOptions{ReportIDs: []string{reportID}, RequestID: taskID, Etag: "2"}
				batch, err := client.Batch(batchID).Retry(ctx, options)
				return batch.Message(), err
			},
			request: &reportsv1.RetryBatchRequest{
				BatchId: batchID, ReportIds: []string{reportID}, RequestId: taskID, Etag: "2",
			},
			answer: &reportsv1.RetryBatchResponse{Batch: processing()},
			gives:  processing(),
		},
		"GetReport": {
			call: func(ctx context.Context, client *Client) (proto.Message, error) {
				return client.GetReport(ctx, reportID)
			},
			request: &reportsv1.GetReportRequest{ReportId: reportID},
			answer:  &reportsv1.GetReportResponse{Report: report},
			gives:   report,
		},
		"GetReportAnalysis": {
			call: func(ctx context.Context, client *Client) (proto.Message, error) {
				return client.AnalysisByID(ctx, reportID, taskID)
			},
			request: &reportsv1.GetReportAnalysisRequest{ReportId: reportID, AnalysisId: taskID},
			answer:  &reportsv1.GetReportAnalysisResponse{Analysis: analysis},
			gives:   analysis,
		},
		"GetNarrativeDelta": {
			call: func(ctx context.Context, client *Client) (proto.Message, error) {
				return client.DeltaFrom(ctx, reportID, taskID)
			},
			request: &reportsv1.GetNarrativeDeltaRequest{ReportId: reportID, BaseReportId: taskID},
			answer:  &reportsv1.GetNarrativeDeltaResponse{Delta: delta},
			gives:   delta,
		},
		"GetWebhookSettings": {
			call: func(ctx context.Context, client *Client) (proto.Message, error) {
				return client.WebhookSettings(ctx)
			},
			request: &reportsv1.GetWebhookSettingsRequest{},
			answer:  &reportsv1.GetWebhookSettingsResponse{Settings: settings},
			gives:   settings,
		},
		"UpdateWebhookSettings": {
			call: func(ctx context.Context, client *Client) (proto.Message, error) {
				return client.SetWebhookURL(ctx, "https://a")
			},
			request: &reportsv1.UpdateWebhookSettingsRequest{Url: "https://a"},
			answer:  &reportsv1.UpdateWebhookSettingsResponse{Settings: settings},
			gives:   settings,
		},
		"RotateWebhookSecret": {
			call: func(ctx context.Context, client *Client) (proto.Message, error) {
				secret, err := client.RotateWebhookSecret(ctx)
				return &reportsv1.WebhookSettings{Url: secret}, err
			},
			request: &reportsv1.RotateWebhookSecretRequest{},
			answer:  &reportsv1.RotateWebhookSecretResponse{Secret: "https://a"},
			gives:   settings,
		},
		"GetDiagnostics": {
			call: func(ctx context.Context, client *Client) (proto.Message, error) {
				return client.Diagnostics(ctx)
			},
			request: &reportsv1.GetDiagnosticsRequest{},
			answer:  diagnostics,
			gives:   diagnostics,
		},
		"ListWebhookDeliveries": {
			call: func(ctx context.Context, client *Client) (proto.Message, error) {
				deliveries, err := client.Batch(batchID).WebhookDeliveries(ctx)
				return deliveries[0], err
			},
			request: &reportsv1.ListWebhookDeliveriesRequest{BatchId: batchID},
			answer: &reportsv1.ListWebhookDeliveriesResponse{
				Deliveries: []*reportsv1.WebhookDelivery{delivery},
			},
			gives: delivery,
		},
		"RedeliverWebhook": {
			call: func(ctx context.Context, client *Client) (proto.Message, error) {
				return client.Batch(batchID).RedeliverWebhook(ctx, taskID)
			},
			request: &reportsv1.RedeliverWebhookRequest{BatchId: batchID, DeliveryId: taskID},
			answer:  &reportsv1.RedeliverWebhookResponse{Delivery: delivery},
			gives:   delivery,
		},
	} {
		t.Run(method, func(t *testing.T) {
			peer := newPeer(t)
			peer.answers[method] = []any{test.answer}
			got, err := test.call(within(t), peer.client(t))
			if err != nil {
				t.Fatal(err)
			}
			same(t, got, test.gives)
			same(t, peer.calls(method)[0], test.request)
		})
	}
}

func TestWhatMustNotBeRepeatedAndWhatAsksAfterTheServerIsCalledOnce(t *testing.T) {
	for method, call := range map[string]func(context.Context, *Client) error{
		"RotateWebhookSecret": func(ctx context.Context, client *Client) error {
			_, err := client.RotateWebhookSecret(ctx)
			return err
		},
		"GetDiagnostics": func(ctx context.Context, client *Client) error {
			_, err := client.Diagnostics(ctx)
			return err
		},
	} {
		t.Run(method, func(t *testing.T) {
			peer := newPeer(t)
			peer.answers[method] = []any{draining(0)}
			is(t, call(within(t), peer.client(t)), ErrUnavailable)
			if attempts := len(peer.calls(method)); attempts != 1 {
				t.Errorf("there were %d attempts", attempts)
			}
		})
	}
}

// listed demands that a list has all its pages, and that leaving it early fetches no more of them.
func listed[Element proto.Message](
	t *testing.T, peer *peerServer, method string, list func() iter.Seq2[Element, error], want ...Element,
) {
	t.Helper()
	pages := slices.Clone(peer.answers[method])
	elements, err := collected(list())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(elements, want, func(one, other Element) bool { return proto.Equal(one, other) }) {
		t.Errorf("got %v, want %v", elements, want)
	}
	var asked []string
	for _, request := range peer.calls(method) {
		page := request.(interface {
			GetPageSize() int32
			GetPageToken() string
		})
		if page.GetPageSize() != 2 {
			t.Errorf("it asked for %d", page.GetPageSize())
		}
		asked = append(asked, page.GetPageToken())
	}
	equal(t, asked, []string{"", "a", "b"})
	peer.answers[method] = pages
	for range list() {
		break
	}
	if calls := len(peer.calls(method)); calls != 4 {
		t.Errorf("there were %d calls", calls)
	}
}

func TestAListGoesOnOverItsPages(t *testing.T) {
	peer := newPeer(t)
	client, ctx := peer.client(t), within(t)
	t.Run("batches", func(t *testing.T) {
		one, two := &reportsv1.Batch{TotalReports: 1}, &reportsv1.Batch{TotalReports: 2}
		peer.answers["ListBatches"] = []any{
			&reportsv1.ListBatchesResponse{Batches: []*reportsv1.Batch{one}, NextPageToken: "a"},
			&reportsv1.ListBatchesResponse{NextPageToken: "b"},
			&reportsv1.ListBatchesResponse{Batches: []*reportsv1.Batch{two}},
		}
		listed(t, peer, "ListBatches", func() iter.Seq2[*reportsv1.Batch, error] {
			return client.Batches(ctx, &BatchesOptions{PageSize: 2})
		}, one, two)
	})
	t.Run("items", func(t *testing.T) {
		one, two := &reportsv1.BatchItem{Position: 1}, &reportsv1.BatchItem{Position: 2}
		peer.answers["ListBatchItems"] = []any{
			&reportsv1.ListBatchItemsResponse{Items: []*reportsv1.BatchItem{one}, NextPageToken: "a"},
			&reportsv1.ListBatchItemsResponse{NextPageToken: "b"},
			&reportsv1.ListBatchItemsResponse{Items: []*reportsv1.BatchItem{two}},
		}
		listed(t, peer, "ListBatchItems", func() iter.Seq2[*reportsv1.BatchItem, error] {
			return client.Batch(batchID).Items(ctx, &ItemsOptions{PageSize: 2})
		}, one, two)
	})
	t.Run("results", func(t *testing.T) {
		one := &reportsv1.BatchResult{Item: &reportsv1.BatchItem{Position: 1}}
		two := &reportsv1.BatchResult{Item: &reportsv1.BatchItem{Position: 2}}
		peer.answers["ListBatchResults"] = []any{
			&reportsv1.ListBatchResultsResponse{Results: []*reportsv1.BatchResult{one}, NextPageToken: "a"},
			&reportsv1.ListBatchResultsResponse{NextPageToken: "b"},
			&reportsv1.ListBatchResultsResponse{Results: []*reportsv1.BatchResult{two}},
		}
		listed(t, peer, "ListBatchResults", func() iter.Seq2[*reportsv1.BatchResult, error] {
			return client.Batch(batchID).Results(ctx, &ItemsOptions{PageSize: 2})
		}, one, two)
	})
	t.Run("reports", func(t *testing.T) {
		one, two := &reportsv1.Report{Title: "x"}, &reportsv1.Report{Title: "y"}
		peer.answers["ListReports"] = []any{
			&reportsv1.ListReportsResponse{Reports: []*reportsv1.Report{one}, NextPageToken: "a"},
			&reportsv1.ListReportsResponse{NextPageToken: "b"},
			&reportsv1.ListReportsResponse{Reports: []*reportsv1.Report{two}},
		}
		listed(t, peer, "ListReports", func() iter.Seq2[*reportsv1.Report, error] {
			return client.Reports(ctx, &ReportsOptions{PageSize: 2})
		}, one, two)
	})
}

func TestAPageMayBeLarge(t *testing.T) {
	large := &reportsv1.Report{ReportId: reportID, Title: strings.Repeat("a", 16<<20)}
	peer := newPeer(t)
	peer.answers["ListReports"] = []any{&reportsv1.ListReportsResponse{Reports: []*reportsv1.Report{large}}}
	found, err := collected(peer.client(t).Reports(within(t), nil))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || len(found[0].Title) != len(large.Title) {
		t.Error("it is not the page that was sent")
	}
}

func TestAListEndsWithItsError(t *testing.T) {
	peer := newPeer(t)
	peer.answers["ListBatches"] = []any{
		&reportsv1.ListBatchesResponse{Batches: []*reportsv1.Batch{processing()}, NextPageToken: "a"},
		refusal(codes.InvalidArgument, "PAGE_TOKEN_INVALID"),
	}
	_, err := collected(peer.client(t).Batches(within(t), &BatchesOptions{
		Statuses: []reportsv1.BatchStatus{reportsv1.BatchStatus_BATCH_STATUS_PROCESSING},
		Labels:   map[string]string{"a": "b"},
		BatchIDs: []string{batchID},
	}))
	is(t, err, ErrInvalidRequest)
	same(t, peer.calls("ListBatches")[0], &reportsv1.ListBatchesRequest{Filter: &reportsv1.BatchFilter{
		Statuses: []reportsv1.BatchStatus{reportsv1.BatchStatus_BATCH_STATUS_PROCESSING},
		Labels:   map[string]string{"a": "b"},
		BatchIds: []string{batchID},
	}})
}

func TestAnUploadIsAnnouncedCutIntoChunksAndRepeatedWhole(t *testing.T) {
	content := bytes.Repeat([]byte("FY 2024\n"), 80_000)
	path := filepath.Join(t.TempDir(), "10k_acme.htm")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	peer := newPeer(t)
	peer.answers["UploadReport"] = []any{
		draining(0), &reportsv1.UploadReportResponse{Report: &reportsv1.Report{ReportId: reportID}},
	}
	options := acme
	options.FiscalPeriod = "FY 2024"
	var told []int64
	options.Progress = func(sent, total int64) {
		told = append(told, sent)
		if total != int64(len(content)) {
			t.Errorf("of %d bytes", total)
		}
	}
	report, err := peer.client(t).UploadFile(within(t), path, options)
	if err != nil {
		t.Fatal(err)
	}
	same(t, report, &reportsv1.Report{ReportId: reportID})
	equal(t, told, []int64{262_144, 524_288, 640_000, 262_144, 524_288, 640_000})
	digest := sha256.Sum256(content)
	for _, messages := range peer.requests["UploadReport"] {
		same(t, messages[0].(*reportsv1.UploadReportRequest).GetHeader(), &reportsv1.UploadReportRequest_Header{
			Report: &reportsv1.Report{
				CompanyId: acme.CompanyID, ReportType: acme.Type, FiscalPeriod: "FY 2024", FileName: "10k_acme.htm",
			},
			ContentSizeBytes: int64(len(content)),
			ContentSha256:    hex.EncodeToString(digest[:]),
		})
		var arrived []byte
		for _, message := range messages[1:] {
			arrived = append(arrived, message.(*reportsv1.UploadReportRequest).GetChunk()...)
		}
		if !bytes.Equal(arrived, content) {
			t.Errorf("%d bytes arrived, and they differ", len(arrived))
		}
	}
}

// endless is content without an end.
type endless struct{}

func (endless) Read(into []byte) (int, error) { return len(into), nil }

func TestAnUploadThatCannotBeIsNotSent(t *testing.T) {
	peer := newPeer(t)
	client, ctx := peer.client(t), within(t)
	_, err := client.Upload(ctx, "huge.txt", endless{}, acme)
	if found := is(t, err, ErrLimitExceeded); !strings.HasPrefix(found.Message, "huge.txt has more than 52428800 bytes") {
		t.Error(found)
	}
	broken := errors.New("the disk is gone")
	if _, err := client.Upload(ctx, "a.txt", iotest.ErrReader(broken), acme); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if _, err := client.UploadFile(ctx, filepath.Join(t.TempDir(), "none"), acme); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if calls := peer.calls("UploadReport"); len(calls) != 0 {
		t.Errorf("there were calls: %v", calls)
	}
}

func TestARefusedUploadSaysWhatTheServerSaid(t *testing.T) {
	peer := newPeer(t)
	peer.answers["UploadReport"] = []any{refusal(codes.DataLoss, "CONTENT_MISMATCH")}
	_, err := peer.client(t).Upload(within(t), "a.txt", strings.NewReader("text"), acme)
	is(t, err, ErrDataLoss)
}

func TestACompanyNameStandsForOneUUIDAndAUUIDForItself(t *testing.T) {
	for name, want := range map[string]string{
		"Acme":                                "22aa2b7a-9e8c-5ffc-9444-eeec3252bb16",
		" aCME\t":                             "22aa2b7a-9e8c-5ffc-9444-eeec3252bb16",
		reportID:                              reportID,
		strings.ToUpper(reportID):             reportID,
		strings.ReplaceAll(reportID, "-", ""): reportID,
		"{" + reportID + "}":                  reportID,
	} {
		if got := CompanyID(name); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
	if CompanyID("Großhandel  AG") != CompanyID("GROSSHANDEL AG") || CompanyID("Großhandel AG") == CompanyID("Acme") {
		t.Error("case makes a difference, or names make none")
	}
}
