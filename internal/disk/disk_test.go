//go:build linux

package disk

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// childFolder is set in the environment of the process that works on the disk.
const childFolder = "HALLEY_DISK_TEST_FOLDER"

func TestMain(m *testing.M) {
	Main()
	if dir := os.Getenv(childFolder); dir != "" {
		obey(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// obey does what it reads, one line each, and says how it went.
func obey(dir string) {
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		word := strings.Split(in.Text(), " ")
		path := filepath.Join(dir, word[1])
		var err error
		switch word[0] {
		case "write": // FILE TEXT: at its end
			err = withFile(path, func(f *os.File) error {
				end, err := f.Seek(0, io.SeekEnd)
				if err == nil {
					_, err = f.WriteAt([]byte(word[2]), end)
				}
				return err
			})
		case "cut":
			err = withFile(path, func(f *os.File) error { return f.Truncate(1) })
		case "sync":
			var f *os.File
			if f, err = os.Open(path); err == nil {
				err = f.Sync()
				f.Close()
			}
		case "mkdir":
			err = os.Mkdir(path, 0o700)
		case "rename":
			err = os.Rename(path, filepath.Join(dir, word[2]))
		case "remove":
			err = os.Remove(path)
		case "escape": // a call that is not watched
			var fd int
			if fd, err = unix.Open(path, unix.O_RDWR, 0); err == nil {
				_, err = unix.Write(fd, []byte(word[2]))
			}
		}
		fmt.Println(err)
	}
}

func withFile(path string, do func(*os.File) error) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	return do(f)
}

// worker is a process on a disk.
type worker struct {
	*Disk
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func start(t *testing.T) *worker {
	t.Helper()
	w := &worker{t: t, cmd: exec.Command(os.Args[0])}
	dir := t.TempDir()
	w.cmd.Env = append(os.Environ(), childFolder+"="+dir)
	w.cmd.Stderr = os.Stderr
	var err error
	if w.Disk, err = Under(w.cmd, dir); err != nil {
		t.Fatal(err)
	}
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	w.out = bufio.NewReader(out)
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.end)
	return w
}

func (w *worker) end() {
	w.cmd.Process.Kill()
	w.cmd.Wait()
	w.Wait()
}

// does has the process do something, and wants it to say how that went.
func (w *worker) does(command, want string) {
	w.t.Helper()
	fmt.Fprintln(w.in, command)
	got, err := w.out.ReadString('\n')
	if err != nil || !strings.Contains(got, want) {
		w.t.Fatalf("%s: %q, %v; want %q", command, got, err, want)
	}
}

func (w *worker) doesAll(commands ...string) {
	w.t.Helper()
	for _, c := range commands {
		w.does(c, "<nil>")
	}
}

// images are what a file may hold after a power loss: each content, and "none" if the file may be missing, with how often of 200.
func (w *worker) images(file string) map[string]int {
	w.t.Helper()
	w.Cut()
	w.end()
	seen := map[string]int{}
	for seed := range uint64(200) {
		into := w.t.TempDir()
		if err := w.Image(into, rand.New(rand.NewPCG(seed, 1))); err != nil {
			w.t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(into, file))
		if err != nil {
			b = []byte("none")
		}
		seen[string(b)]++
	}
	return seen
}

func (w *worker) may(file string, want ...string) {
	w.t.Helper()
	seen := w.images(file)
	for _, c := range want {
		if seen[c] == 0 {
			w.t.Errorf("%s is never %q", file, c)
		}
		delete(seen, c)
	}
	if len(seen) > 0 {
		w.t.Errorf("%s is also %v", file, seen)
	}
}

// A power loss leaves what was made safe, and of the rest anything.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", sector)
	for name, tc := range map[string]struct {
		commands []string
		faults   Faults
		file     string
		want     []string
	}{
		"safe":                  {[]string{"write f one", "sync f", "sync ."}, Faults{}, "f", []string{"one"}},
		"not safe":              {[]string{"write f one", "sync f", "sync .", "write f two"}, Faults{}, "f", []string{"one", "onetwo"}},
		"in another order":      {[]string{"write f one", "sync f", "sync .", "write f two", "write f six"}, Faults{}, "f", []string{"one", "onetwo", "one\x00\x00\x00six", "onetwosix"}},
		"torn":                  {[]string{"write f " + long, "sync f", "sync .", "write f " + long + "b"}, Faults{}, "f", []string{long, long + long, long + long + "b", long + strings.Repeat("\x00", sector) + "b"}},
		"the name is not safe":  {[]string{"write f one", "sync f"}, Faults{}, "f", []string{"none", "one"}},
		"only the name is safe": {[]string{"write f one", "sync ."}, Faults{}, "f", []string{"", "one"}},
		"in a folder":           {[]string{"mkdir d", "write d/f one", "sync d/f", "sync d"}, Faults{}, "d/f", []string{"none", "one"}},
		"in a safe folder":      {[]string{"mkdir d", "write d/f one", "sync d/f", "sync d", "sync ."}, Faults{}, "d/f", []string{"one"}},
		"cut":                   {[]string{"write f one", "sync f", "sync .", "cut f"}, Faults{}, "f", []string{"o", "one"}},
		"cut for good":          {[]string{"write f one", "sync .", "cut f", "sync f"}, Faults{}, "f", []string{"o"}},
		"replaced":              {[]string{"write f one", "sync f", "sync .", "write g two", "sync g", "rename g f"}, Faults{}, "f", []string{"one", "two"}},
		"replaced for good":     {[]string{"write f one", "sync f", "write g two", "sync g", "rename g f", "sync ."}, Faults{}, "f", []string{"two"}},
		"removed":               {[]string{"write f one", "sync f", "sync .", "remove f"}, Faults{}, "f", []string{"one", "none"}},
		"removed for good":      {[]string{"write f one", "sync f", "sync .", "remove f", "sync ."}, Faults{}, "f", []string{"none"}},
		"a disk that lies":      {[]string{"write f one", "sync f", "sync ."}, Faults{Lies: true}, "f", []string{"one", "", "none"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			w.Set(tc.faults)
			w.doesAll(tc.commands...)
			w.may(tc.file, tc.want...)
		})
	}
}

// After an fsync that failed, one that succeeds says nothing about what the first was to write, unless the page was written again.
func TestFailedSync(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		then []string
		want []string
	}{
		"the system forgets":   {nil, []string{"one", "onetwo"}},
		"written once more":    {[]string{"write f six"}, []string{"onetwosix"}},
		"another file's fsync": {[]string{"write g six", "sync g"}, []string{"one", "onetwo"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			w.doesAll("write f one", "sync f", "sync .", "write f two")
			w.Set(Faults{Sync: syscall.EIO})
			w.does("sync f", "input/output error")
			w.Set(Faults{})
			w.doesAll(tc.then...)
			w.doesAll("sync f")
			w.may("f", tc.want...)
		})
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.doesAll("write f one", "sync f", "sync .")
	w.Set(Faults{Grow: syscall.ENOSPC})
	w.does("write f two", "no space left on device")
	w.does("write g two", "no space left on device")
	w.doesAll("cut f")
	w.Set(Faults{Write: syscall.EROFS})
	for _, command := range []string{"write f two", "write g two", "cut f", "mkdir d", "rename f g", "remove f"} {
		w.does(command, "read-only file system")
	}
	w.Set(Faults{SyncDelay: 50 * time.Millisecond})
	began := time.Now()
	w.doesAll("sync f")
	if took := time.Since(began); took < 50*time.Millisecond {
		t.Errorf("fsync took %v", took)
	}
	w.Set(Faults{})
	w.doesAll("write f two", "mkdir d", "sync .")
	w.may("f", "o", "otwo")
}

// Seen finds what the disk did not notice.
func TestSeen(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.doesAll("mkdir d", "write d/f one", "rename d/f g", "sync g", "write g two", "cut g", "write h x", "remove h")
	if err := w.Seen(); err != nil {
		t.Error(err)
	}
	w.doesAll("escape g xyz")
	if err := w.Seen(); err == nil || !strings.Contains(err.Error(), "g was written unnoticed") {
		t.Errorf("got %v", err)
	}
	if n, err := w.Calls(); n < 8 || err != nil {
		t.Errorf("%d calls, %v", n, err)
	}
}
