package main

import (
	"os"
	"testing"

	"github.com/halley-chat/halley/internal/disk"
)

func TestMain(m *testing.M) {
	disk.Main()
	os.Exit(m.Run())
}
