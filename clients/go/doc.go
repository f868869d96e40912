// Package reports is the client of FNA Reports: it submits batches of company reports (10-K, 10-Q, 8-K, annual
// reports) for analysis, follows them live and reads the results.
//
//	client, err := reports.NewClient("127.0.0.1:50051")
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	report, err := client.UploadFile(ctx, "10k_acme.htm", reports.UploadOptions{
//		CompanyID: reports.CompanyID("Acme"),
//		Type:      reportsv1.ReportType_REPORT_TYPE_10_K,
//	})
//	if err != nil {
//		return err
//	}
//	batch, err := client.Submit(ctx, []string{report.ReportId}, nil)
//	if err != nil {
//		return err
//	}
//	for event, err := range batch.Events(ctx, nil) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(event.Sequence, event.Event)
//	}
//
// Results are the messages of the contract, package reportsv1; nothing is copied. Where a method takes a pointer to
// options, nil stands for the defaults.
//
// # Errors
//
// A call that fails returns an [*Error], which [errors.Is] tells apart by [ErrNotFound] and its siblings. It has the
// stable reason that the server gave, its metadata and the fields that are wrong. A call that was ended by its context
// is also what [context.Canceled] or [context.DeadlineExceeded] says.
//
// # Retries
//
// A call that finds the server away (UNAVAILABLE) is made again, after growing random waits or the one that the server
// asks for, within the time-out of [WithTimeout], all attempts together. That is safe: reads change nothing, and
// every write is idempotent or carries a request id that is made once for the call and not for the attempt.
//
// # Watching
//
// A watch continues by itself after a restart of the server, a broken connection, or silence where heartbeats should
// be, and hands out every event once, in order. Its iterator ends the stream when the loop over it is left, so no
// goroutine remains.
//
// # Goroutines
//
// A [Client] holds one connection and, like a [Batch], may be used by several goroutines.
package reports
