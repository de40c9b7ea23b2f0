package process

import (
	"context"
	"fmt"
	"os"
	"os/signal"
)

// Main is the main function of a command that measures: run gets the arguments, and a context that an interrupt ends. An error of it goes to standard
// error under the command's name, and the exit status is 1.
func Main(name string, run func(ctx context.Context, args []string) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
}
