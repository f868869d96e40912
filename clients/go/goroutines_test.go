package reports

import (
	"path"
	"runtime"
	"slices"
	"strings"
)

// watching tells by its stack whether a goroutine is one of a watch. The server of the tests has some of its own in the
// same process, which begin and end when they like, so that counting tells nothing.
var watching = map[string]func(stack string) bool{
	"the client": func(stack string) bool {
		_, here, _, _ := runtime.Caller(0)
		return slices.ContainsFunc(strings.Split(stack, "\n"), func(line string) bool {
			file, _, _ := strings.Cut(strings.TrimSpace(line), ":")
			return path.Dir(file) == path.Dir(here) && !strings.HasSuffix(file, "_test.go")
		})
	},
	"a stream of gRPC": func(stack string) bool {
		return strings.Contains(stack, "created by google.golang.org/grpc.newClientStream")
	},
}

// goroutines returns the stacks that match.
func goroutines(match func(stack string) bool) []string {
	all := make([]byte, 1<<20)
	all = all[:runtime.Stack(all, true)]
	return slices.DeleteFunc(strings.Split(string(all), "\n\n"), func(stack string) bool { return !match(stack) })
}
