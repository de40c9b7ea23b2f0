package main

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/halley-chat/halley/internal/load"
)

// halley load starts a server of its own, kills it, stops it, cuts connections, and finds every promise kept.
func TestLoad(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var said strings.Builder
	cmd := exec.CommandContext(ctx, build(t), "load", "--agents", "4", "--rate", "80", "--duration", "4s", "--texts", "10",
		"--requeues", "0.2", "--meetings", "0.3", "--asks", "0.5", "--restart", "1500ms", "--cut", "2/s", "--json")
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s\n%s", err, &said, out)
	}
	var report load.Report
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if f := report.Faults; f.Kills == 0 || f.Terms == 0 || f.Cuts == 0 {
		t.Errorf("too little trouble: %+v", f)
	}
	if report.Answered == 0 || report.Delivery.Notifications < report.Answered {
		t.Errorf("hardly anything happened:\n%s", out)
	}
	if c := report.Chats; c.Transfers+c.Requeues+c.Conferences+c.Consultations == 0 {
		t.Errorf("no chat was handed on, and no colleague asked: %+v", c)
	}
	if report.Costs.Peak == 0 {
		t.Error("the server costs nothing")
	}
}
