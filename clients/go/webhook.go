package reports

import (
	"context"

	reportsv1 "github.com/fna-reports/fna-reports/clients/go/fna/reports/v1"
)

// WebhookSettings returns where webhooks go unless a batch says otherwise, and whether there is a secret to sign them.
func (c *Client) WebhookSettings(ctx context.Context) (*reportsv1.WebhookSettings, error) {
	response, err := call(ctx, c, c.submissions.GetWebhookSettings, &reportsv1.GetWebhookSettingsRequest{})
	return response.GetSettings(), err
}

// SetWebhookURL sets the URL for batches that are submitted without one from now on; empty for none.
//
// It fails with [ErrPrecondition] before [Client.RotateWebhookSecret] was called, and with [ErrInvalidRequest].
func (c *Client) SetWebhookURL(ctx context.Context, url string) (*reportsv1.WebhookSettings, error) {
	request := &reportsv1.UpdateWebhookSettingsRequest{Url: url}
	response, err := call(ctx, c, c.submissions.UpdateWebhookSettings, request)
	return response.GetSettings(), err
}

// RotateWebhookSecret makes a new secret, the first one included, and returns it: it is shown this once. For 24 hours
// webhooks are signed with the previous one too. It is not made again by itself when the server is away: two new secrets
// would leave nothing of the one in use.
func (c *Client) RotateWebhookSecret(ctx context.Context) (secret string, err error) {
	response, err := once(ctx, c, c.submissions.RotateWebhookSecret, &reportsv1.RotateWebhookSecretRequest{})
	return response.GetSecret(), err
}

// WebhookDeliveries returns the webhooks of the batch, the newest first, at most 100, or fails with [ErrNotFound].
func (b *Batch) WebhookDeliveries(ctx context.Context) ([]*reportsv1.WebhookDelivery, error) {
	request := &reportsv1.ListWebhookDeliveriesRequest{BatchId: b.id}
	response, err := call(ctx, b.client, b.client.statuses.ListWebhookDeliveries, request)
	return response.GetDeliveries(), err
}

// RedeliverWebhook delivers a webhook of the batch again, now, whatever its status, or fails with [ErrNotFound].
func (b *Batch) RedeliverWebhook(ctx context.Context, deliveryID string) (*reportsv1.WebhookDelivery, error) {
	request := &reportsv1.RedeliverWebhookRequest{BatchId: b.id, DeliveryId: deliveryID}
	response, err := call(ctx, b.client, b.client.submissions.RedeliverWebhook, request)
	return response.GetDelivery(), err
}
