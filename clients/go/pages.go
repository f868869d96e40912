package reports

import (
	"context"
	"iter"

	"google.golang.org/grpc"
)

// page is what the responses of all lists have.
type page interface {
	GetNextPageToken() string
}

// paged yields the elements of a list over all its pages, which are fetched as they are needed. request returns the
// request for the page with a token.
func paged[Request any, Response page, Element any](
	ctx context.Context,
	client *Client,
	method func(context.Context, Request, ...grpc.CallOption) (Response, error),
	request func(pageToken string) Request,
	elements func(Response) []Element,
) iter.Seq2[Element, error] {
	return func(yield func(Element, error) bool) {
		for token := ""; ; {
			response, err := call(ctx, client, method, request(token))
			if err != nil {
				var none Element
				yield(none, err)
				return
			}
			for _, element := range elements(response) {
				if !yield(element, nil) {
					return
				}
			}
			if token = response.GetNextPageToken(); token == "" {
				return
			}
		}
	}
}

// collected returns all elements of a list, or its first error.
func collected[Element any](list iter.Seq2[Element, error]) ([]Element, error) {
	var elements []Element
	for element, err := range list {
		if err != nil {
			return nil, err
		}
		elements = append(elements, element)
	}
	return elements, nil
}
