package storetest

import (
	"errors"
	"sync"
	"testing"
)

// together calls do n times at the same time and returns what each call returned.
func together(n int, do func(i int) error) []error {
	errs := make([]error, n)
	begin := make(chan struct{})
	var callers sync.WaitGroup
	for i := range n {
		callers.Go(func() {
			<-begin
			errs[i] = do(i)
		})
	}
	close(begin)
	callers.Wait()
	return errs
}

// countNil counts those who succeeded; the others must have failed with want.
func countNil(t *testing.T, errs []error, want error) int {
	t.Helper()
	n := 0
	for _, err := range errs {
		switch {
		case err == nil:
			n++
		case !errors.Is(err, want):
			t.Errorf("%v, want %v", err, want)
		}
	}
	return n
}
