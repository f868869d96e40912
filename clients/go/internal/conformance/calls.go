package main

import (
	"context"
	"encoding/json"
	"iter"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	reports "github.com/fna-reports/fna-reports/clients/go"
	reportsv1 "github.com/fna-reports/fna-reports/clients/go/fna/reports/v1"
)

// calls has what each call does with its arguments, which are JSON.
var calls = map[string]func(context.Context, *reports.Client, json.RawMessage) (any, error){
	"upload":       with(upload),
	"get_report":   with(getReport),
	"list_reports": with(listReports),
	"get_analysis": with(getAnalysis),
	"submit":       with(submit),
	"cancel":       with(cancel),
	"retry":        with(retry),
	"get_batch":    with(getBatch),
	"list_batches": with(listBatches),
	"list_items":   with(listItems),
	"list_results": with(listResults),
	"count":        with(count),
}

// with reads the arguments of a call, and writes the message that it returns.
func with[Arguments, Result any](
	call func(context.Context, *reports.Client, Arguments) (Result, error),
) func(context.Context, *reports.Client, json.RawMessage) (any, error) {
	return func(ctx context.Context, client *reports.Client, given json.RawMessage) (any, error) {
		var arguments Arguments
		if err := json.Unmarshal(given, &arguments); err != nil {
			return nil, err
		}
		result, err := call(ctx, client, arguments)
		if found, ok := any(result).(proto.Message); ok {
			return message{found}, err
		}
		return result, err
	}
}

type uploadArguments struct {
	Content      string `json:"content"`
	FileName     string `json:"file_name"`
	CompanyID    string `json:"company_id"`
	ReportType   string `json:"report_type"`
	FiscalPeriod string `json:"fiscal_period"`
	FilingDate   string `json:"filing_date"`
	Title        string `json:"title"`
}

func upload(ctx context.Context, client *reports.Client, given uploadArguments) (*reportsv1.Report, error) {
	return client.Upload(ctx, given.FileName, strings.NewReader(given.Content), reports.UploadOptions{
		CompanyID:    given.CompanyID,
		Type:         reportsv1.ReportType(reportsv1.ReportType_value[given.ReportType]),
		Title:        given.Title,
		FiscalPeriod: given.FiscalPeriod,
		FilingDate:   given.FilingDate,
	})
}

type reportArguments struct {
	ReportID string `json:"report_id"`
}

func getReport(ctx context.Context, client *reports.Client, given reportArguments) (*reportsv1.Report, error) {
	return client.GetReport(ctx, given.ReportID)
}

func getAnalysis(ctx context.Context, client *reports.Client, given reportArguments) (*reportsv1.ReportAnalysis, error) {
	return client.Analysis(ctx, given.ReportID)
}

type listReportsArguments struct {
	CompanyID string `json:"company_id"`
	PageSize  int32  `json:"page_size"`
}

func listReports(ctx context.Context, client *reports.Client, given listReportsArguments) (map[string][]message, error) {
	options := &reports.ReportsOptions{CompanyID: given.CompanyID, PageSize: given.PageSize}
	return list("reports", client.Reports(ctx, options))
}

type submitArguments struct {
	ReportIDs    []string          `json:"report_ids"`
	RequestID    string            `json:"request_id"`
	Labels       map[string]string `json:"labels"`
	Priority     *int32            `json:"priority"`
	ValidateOnly bool              `json:"validate_only"`
}

func submit(ctx context.Context, client *reports.Client, given submitArguments) (*reportsv1.Batch, error) {
	options := &reports.SubmitOptions{RequestID: given.RequestID, Labels: given.Labels, Priority: given.Priority}
	if given.ValidateOnly {
		return client.Validate(ctx, given.ReportIDs, options)
	}
	return answered(client.Submit(ctx, given.ReportIDs, options))
}

type batchArguments struct {
	BatchID string `json:"batch_id"`
	TaskID  string `json:"task_id"`
}

func (a batchArguments) batch(client *reports.Client) *reports.Batch {
	return client.Batch(a.BatchID).Execution(a.TaskID)
}

func getBatch(ctx context.Context, client *reports.Client, given batchArguments) (*reportsv1.Batch, error) {
	return given.batch(client).Get(ctx, nil)
}

type cancelArguments struct {
	batchArguments
	Reason string `json:"reason"`
	Etag   string `json:"etag"`
}

func cancel(ctx context.Context, client *reports.Client, given cancelArguments) (*reportsv1.Batch, error) {
	return given.batch(client).Cancel(ctx, &reports.CancelOptions{Reason: given.Reason, Etag: given.Etag})
}

type retryArguments struct {
	batchArguments
	ReportIDs []string `json:"report_ids"`
	RequestID string   `json:"request_id"`
	Etag      string   `json:"etag"`
}

func retry(ctx context.Context, client *reports.Client, given retryArguments) (*reportsv1.Batch, error) {
	return answered(given.batch(client).Retry(ctx, &reports.RetryOptions{
		ReportIDs: given.ReportIDs, RequestID: given.RequestID, Etag: given.Etag,
	}))
}

type listBatchesArguments struct {
	Labels   map[string]string `json:"labels"`
	PageSize int32             `json:"page_size"`
}

func listBatches(ctx context.Context, client *reports.Client, given listBatchesArguments) (map[string][]message, error) {
	return list("batches", client.Batches(ctx, &reports.BatchesOptions{Labels: given.Labels, PageSize: given.PageSize}))
}

type itemsArguments struct {
	batchArguments
	Statuses []string `json:"statuses"`
	PageSize int32    `json:"page_size"`
}

func (a itemsArguments) options() *reports.ItemsOptions {
	var statuses []reportsv1.BatchItemStatus
	for _, name := range a.Statuses {
		statuses = append(statuses, reportsv1.BatchItemStatus(reportsv1.BatchItemStatus_value[name]))
	}
	return &reports.ItemsOptions{Statuses: statuses, PageSize: a.PageSize}
}

func listItems(ctx context.Context, client *reports.Client, given itemsArguments) (map[string][]message, error) {
	return list("items", given.batch(client).Items(ctx, given.options()))
}

func listResults(ctx context.Context, client *reports.Client, given itemsArguments) (map[string][]message, error) {
	return list("results", given.batch(client).Results(ctx, given.options()))
}

// answered returns the batch that a call answered with.
func answered(handle *reports.Batch, err error) (*reportsv1.Batch, error) {
	if err != nil {
		return nil, err
	}
	return handle.Message(), nil
}

// list returns all elements under a name.
func list[Element proto.Message](name string, elements iter.Seq2[Element, error]) (map[string][]message, error) {
	found := []message{}
	for element, err := range elements {
		if err != nil {
			return nil, err
		}
		found = append(found, message{element})
	}
	return map[string][]message{name: found}, nil
}

type counted struct {
	Count        int     `json:"count"`
	LastSequence int64   `json:"last_sequence"`
	Seconds      float64 `json:"seconds"`
}

// count consumes a watch to its end and writes none of its events.
func count(ctx context.Context, client *reports.Client, given watchArguments) (counted, error) {
	var found counted
	began := time.Now()
	for event, err := range watchBatch(ctx, client, given, nil) {
		if err != nil {
			return counted{}, err
		}
		found.Count++
		found.LastSequence = event.Sequence
	}
	found.Seconds = time.Since(began).Seconds()
	return found, nil
}
