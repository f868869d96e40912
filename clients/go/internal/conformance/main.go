// Command conformance makes calls with the client as lines on its standard input say, and prints what came back: the
// driver that the conformance suite of all clients (tests/clients) has for Go.
//
//	conformance ADDRESS [--timeout SECONDS] [--reconnect-timeout SECONDS]
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	reports "github.com/fna-reports/fna-reports/clients/go"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 0 {
		return errors.New("usage: conformance ADDRESS [--timeout SECONDS] [--reconnect-timeout SECONDS]")
	}
	options, err := clientOptions(arguments[1:])
	if err != nil {
		return err
	}
	client, err := reports.NewClient(arguments[0], options...)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithCancel(context.Background())
	driver := newDriver(client, os.Stdout)
	defer driver.wait()
	defer cancel()
	return eachLine(os.Stdin, func(line []byte) { driver.start(ctx, line) })
}

func clientOptions(arguments []string) ([]reports.Option, error) {
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	timeout := flags.Float64("timeout", 0, "seconds that a call may take")
	reconnect := flags.Float64("reconnect-timeout", 0, "seconds that a watch tries to continue")
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	var options []reports.Option
	if *timeout > 0 {
		options = append(options, reports.WithTimeout(seconds(*timeout)))
	}
	if *reconnect > 0 {
		options = append(options, reports.WithReconnectTimeout(seconds(*reconnect)))
	}
	return options, nil
}

// eachLine calls handle for each line, however long: it may hold a document.
func eachLine(input io.Reader, handle func([]byte)) error {
	reader := bufio.NewReader(input)
	for {
		line, err := reader.ReadBytes('\n')
		if len(line) > 0 {
			handle(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func seconds(given float64) time.Duration {
	return time.Duration(given * float64(time.Second))
}
