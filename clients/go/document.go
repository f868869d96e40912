package reports

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc/codes"

	reportsv1 "github.com/fna-reports/fna-reports/clients/go/fna/reports/v1"
)

const (
	maxContentBytes = 52_428_800 // The contract's limit; an operator may set a lower one.
	chunkBytes      = 256 * 1024
)

// document is content to upload, held whole: so an upload can be repeated, and the digest is that of what is sent.
type document struct {
	content  []byte
	sha256   string
	progress func(sent, total int64)
}

func readDocument(name string, content io.Reader, progress func(sent, total int64)) (*document, error) {
	var read bytes.Buffer
	size, err := io.Copy(&read, io.LimitReader(content, maxContentBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reports: reading %s: %w", name, err)
	}
	if size > maxContentBytes {
		return nil, &Error{
			Code:    codes.ResourceExhausted,
			Reason:  "CONTENT_TOO_LARGE",
			Message: fmt.Sprintf("%s has more than %d bytes, the most a report may have", name, maxContentBytes),
		}
	}
	digest := sha256.Sum256(read.Bytes())
	return &document{content: read.Bytes(), sha256: hex.EncodeToString(digest[:]), progress: progress}, nil
}

// send uploads the content as a report.
func (d *document) send(
	ctx context.Context, service reportsv1.ReportServiceClient, report *reportsv1.Report,
) (*reportsv1.UploadReportResponse, error) {
	// Ends the call also when it is left before its answer.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := service.UploadReport(ctx)
	if err != nil {
		return nil, err
	}
	header := &reportsv1.UploadReportRequest_Header{
		Report: report, ContentSizeBytes: int64(len(d.content)), ContentSha256: d.sha256,
	}
	err = stream.Send(&reportsv1.UploadReportRequest{Payload: &reportsv1.UploadReportRequest_Header_{Header: header}})
	for sent := 0; err == nil && sent < len(d.content); {
		chunk := d.content[sent:min(sent+chunkBytes, len(d.content))]
		err = stream.Send(&reportsv1.UploadReportRequest{Payload: &reportsv1.UploadReportRequest_Chunk{Chunk: chunk}})
		sent += len(chunk)
		if err == nil && d.progress != nil {
			d.progress(int64(sent), int64(len(d.content)))
		}
	}
	// io.EOF says that the server has answered already, with an error as a rule: it is read here.
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return stream.CloseAndRecv()
}
