package bayeux

import (
	"fmt"
	"time"
)

// TimestampFormat is how the extension timestamp writes a time (TM-1).
type TimestampFormat int8

// The formats. Clients parse neither.
const (
	TimestampISO       TimestampFormat = iota // 2026-11-22T16:15:08.120Z
	TimestampReference                        // Sun Nov 22 16:15:08 UTC 2026
)

func (f TimestampFormat) layout() (string, error) {
	switch f {
	case TimestampISO:
		return "2006-01-02T15:04:05.000Z07:00", nil
	case TimestampReference:
		return "Mon Jan 02 15:04:05 MST 2006", nil
	}
	return "", fmt.Errorf("timestampFormat: %d is not known", f)
}

// timestamp returns the time of this moment for messages and replies; "" when the extension is off.
func (srv *Server) timestamp() string {
	if srv.clock == "" {
		return ""
	}
	return time.Now().UTC().Format(srv.clock)
}
