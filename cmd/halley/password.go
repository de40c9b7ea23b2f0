package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/halley-chat/halley/internal/auth"
)

type hashPassword struct{}

// maxPassword is the longest password that is read, in bytes.
const maxPassword = 1024

func (*hashPassword) run(_ context.Context, w world, _ []string) error {
	line, err := bufio.NewReader(io.LimitReader(w.in, maxPassword+2)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the password: %w", err)
	}
	password := strings.TrimRight(line, "\r\n")
	switch {
	case password == "":
		return usageError{errors.New("there is no password on standard input: try  printf %s 'the password' | halley hash-password")}
	case len(password) > maxPassword:
		return usageError{fmt.Errorf("the password is longer than %d bytes", maxPassword)}
	}
	hash, err := auth.Hash(password)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w.out, hash)
	return err
}
