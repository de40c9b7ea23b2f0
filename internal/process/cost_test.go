package process

import (
	"net"
	"os"
	"runtime"
	"testing"
	"time"
)

func TestFiguresOfThisProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		if _, err := Resident(os.Getpid()); err == nil {
			t.Error("figures without /proc")
		}
		return
	}
	pid := os.Getpid()
	rss, err := Resident(pid)
	if err != nil || rss < 1<<20 {
		t.Errorf("resident: %d bytes, %v", rss, err)
	}
	before, err := Files(pid)
	if err != nil || before < 3 {
		t.Errorf("%d open files, %v", before, err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if after, err := Files(pid); err != nil || after <= before {
		t.Errorf("a listener later: %d open files, %v", after, err)
	}
	began, err := CPU(pid)
	if err != nil {
		t.Fatal(err)
	}
	used := began
	for deadline := time.Now().Add(10 * time.Second); used == began && time.Now().Before(deadline); {
		if used, err = CPU(pid); err != nil {
			t.Fatal(err)
		}
	}
	if used <= began {
		t.Error("work costs no time")
	}
}

func TestNoSuchProcess(t *testing.T) {
	const none = 1 << 30
	if _, err := Resident(none); err == nil {
		t.Error("it has memory")
	}
	if _, err := CPU(none); err == nil {
		t.Error("it has used time")
	}
	if _, err := Files(none); err == nil {
		t.Error("it has files")
	}
}
