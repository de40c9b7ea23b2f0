//go:build !linux

package doctor

import "errors"

func readSync() (syncState, error) { return syncState{}, errors.ErrUnsupported }
