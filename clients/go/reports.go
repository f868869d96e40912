package reports

import (
	"context"
	"io"
	"iter"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	reportsv1 "github.com/fna-reports/fna-reports/clients/go/fna/reports/v1"
)

// UploadOptions describe a report that is uploaded. CompanyID and Type are required.
type UploadOptions struct {
	// CompanyID is a UUID; [CompanyID] makes one from a name.
	CompanyID string
	// Type is the kind of filing.
	Type reportsv1.ReportType
	// Title is for people.
	Title string
	// FiscalPeriod is "Q1 2024" to "Q4 2024" or "FY 2024".
	FiscalPeriod string
	// FilingDate is YYYY-MM-DD.
	FilingDate string
	// ContentType is a hint: the server finds out the format by itself.
	ContentType string
	// Progress is told after each chunk how many of all bytes have been sent. It begins again when the upload is repeated,
	// since the server went away.
	Progress func(sent, total int64)
}

// UploadFile uploads the file at path and returns its report; content that the company already has returns the report
// that has it.
func (c *Client) UploadFile(ctx context.Context, path string, options UploadOptions) (*reportsv1.Report, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return c.Upload(ctx, filepath.Base(path), file, options)
}

// Upload uploads what content has up to its end, at most 50 MiB, as a file of this name and returns its report; content
// that the company already has returns the report that has it.
//
// It fails with the error of content when that cannot be read, with [ErrInvalidRequest], with [ErrLimitExceeded] when
// there is too much of it, and with [ErrDataLoss] when it was damaged on the way.
func (c *Client) Upload(
	ctx context.Context, name string, content io.Reader, options UploadOptions,
) (*reportsv1.Report, error) {
	document, err := readDocument(name, content, options.Progress)
	if err != nil {
		return nil, err
	}
	report := &reportsv1.Report{
		CompanyId:    options.CompanyID,
		ReportType:   options.Type,
		Title:        options.Title,
		FiscalPeriod: options.FiscalPeriod,
		FilingDate:   options.FilingDate,
		ContentType:  options.ContentType,
		FileName:     name,
	}
	response, err := try(ctx, c, func(ctx context.Context) (*reportsv1.UploadReportResponse, error) {
		return document.send(ctx, c.reports, report)
	})
	return response.GetReport(), err
}

// RegisterOptions describe a report that the server fetches by itself. CompanyID and Type are required.
type RegisterOptions struct {
	// CompanyID is a UUID; [CompanyID] makes one from a name.
	CompanyID string
	// Type is the kind of filing.
	Type reportsv1.ReportType
	// Title is for people.
	Title string
	// FiscalPeriod is "Q1 2024" to "Q4 2024" or "FY 2024".
	FiscalPeriod string
	// FilingDate is YYYY-MM-DD.
	FilingDate string
	// ContentType is a hint: the server finds out the format by itself.
	ContentType string
	// RequestID is a UUID that makes repeated calls one registration; without it one is made for this call.
	RequestID string
}

// Register registers a report whose content the server fetches from sourceURI, which lies under one of the storage roots
// that the operator configured, and returns it.
//
// It fails with [ErrInvalidRequest], [ErrLimitExceeded], and [ErrConflict] when the request id was used otherwise.
func (c *Client) Register(
	ctx context.Context, sourceURI string, options RegisterOptions,
) (*reportsv1.Report, error) {
	response, err := call(ctx, c, c.reports.RegisterReport, &reportsv1.RegisterReportRequest{
		Report: &reportsv1.Report{
			CompanyId:    options.CompanyID,
			ReportType:   options.Type,
			Title:        options.Title,
			FiscalPeriod: options.FiscalPeriod,
			FilingDate:   options.FilingDate,
			ContentType:  options.ContentType,
			SourceUri:    sourceURI,
		},
		RequestId: requestID(options.RequestID),
	})
	return response.GetReport(), err
}

// GetReport returns a report, or fails with [ErrNotFound].
func (c *Client) GetReport(ctx context.Context, reportID string) (*reportsv1.Report, error) {
	response, err := call(ctx, c, c.reports.GetReport, &reportsv1.GetReportRequest{ReportId: reportID})
	return response.GetReport(), err
}

// ReportsOptions narrow a list of reports.
type ReportsOptions struct {
	// CompanyID leaves out the reports of others.
	CompanyID string
	// Statuses leaves out reports with others.
	Statuses []reportsv1.ReportStatus
	// PageSize is how many are fetched at a time; 0 leaves it to the server.
	PageSize int32
}

// Reports yields the reports, newest first. An error ends it.
func (c *Client) Reports(ctx context.Context, options *ReportsOptions) iter.Seq2[*reportsv1.Report, error] {
	chosen := orDefaults(options)
	return paged(ctx, c, c.reports.ListReports, func(token string) *reportsv1.ListReportsRequest {
		return &reportsv1.ListReportsRequest{
			CompanyId: chosen.CompanyID, Statuses: chosen.Statuses, PageSize: chosen.PageSize, PageToken: token,
		}
	}, (*reportsv1.ListReportsResponse).GetReports)
}

// Analysis returns the newest completed analysis of a report.
//
// It fails with [ErrNotFound], and with [ErrPrecondition] while the first analysis is still running.
func (c *Client) Analysis(ctx context.Context, reportID string) (*reportsv1.ReportAnalysis, error) {
	return c.AnalysisByID(ctx, reportID, "")
}

// AnalysisByID returns a particular analysis of a report, or fails with [ErrNotFound].
func (c *Client) AnalysisByID(ctx context.Context, reportID, analysisID string) (*reportsv1.ReportAnalysis, error) {
	response, err := call(ctx, c, c.reports.GetReportAnalysis, &reportsv1.GetReportAnalysisRequest{
		ReportId: reportID, AnalysisId: analysisID,
	})
	return response.GetAnalysis(), err
}

// Delta returns how the narrative of a report differs from that of the previous report of its company.
//
// It fails with [ErrNotFound], also when there is no earlier report, and with [ErrPrecondition] while a first analysis is
// still running.
func (c *Client) Delta(ctx context.Context, reportID string) (*reportsv1.NarrativeDelta, error) {
	return c.DeltaFrom(ctx, reportID, "")
}

// DeltaFrom returns how the narrative of a report differs from that of another one of its company.
//
// It fails as [Client.Delta] does, and with [ErrInvalidRequest] when the other report is of another company.
func (c *Client) DeltaFrom(ctx context.Context, reportID, baseReportID string) (*reportsv1.NarrativeDelta, error) {
	response, err := call(ctx, c, c.reports.GetNarrativeDelta, &reportsv1.GetNarrativeDeltaRequest{
		ReportId: reportID, BaseReportId: baseReportID,
	})
	return response.GetDelta(), err
}

// requestID returns the id that makes the attempts of one call one request: made once per call, unless it is given.
func requestID(given string) string {
	if given != "" {
		return given
	}
	return uuid.NewString()
}

// orDefaults returns what the options are, or their zero value.
func orDefaults[Options any](options *Options) Options {
	if options == nil {
		return *new(Options)
	}
	return *options
}
