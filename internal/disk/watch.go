//go:build linux

package disk

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socketName is set in the environment of a process that is about to become the watched one.
const socketName = "HALLEY_TEST_DISK"

// Under puts a disk under a command that has not been started: it will see what happens in the folder root. The test binary must call Main at the beginning
// of its TestMain, since it is run in between. The goroutines of the Disk end with the process; Wait waits for them.
func Under(cmd *exec.Cmd, root string) (*Disk, error) {
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, fmt.Errorf("find the folder: %w", err)
	}
	d := &Disk{root: root}
	if err := d.load(); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the test binary: %w", err)
	}
	// An abstract address: paths of temporary folders may be too long for a socket.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: fmt.Sprintf("@halley-disk-%d-%p", os.Getpid(), d)})
	if err != nil {
		return nil, fmt.Errorf("listen for the watched process: %w", err)
	}
	cmd.Args = append([]string{self, cmd.Path}, cmd.Args...)
	cmd.Path = self
	cmd.Env = append(cmd.Environ(), socketName+"="+l.Addr().String())
	d.work.Go(func() {
		if err := d.meet(l); err != nil {
			d.fail(err)
		}
	})
	return d, nil
}

// Wait waits until the process has gone and the Disk's goroutines have ended.
func (d *Disk) Wait() { d.work.Wait() }

func (d *Disk) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.missed = errors.Join(d.missed, err)
}

// meet gets the descriptor on which the kernel asks, and serves it.
func (d *Disk) meet(l *net.UnixListener) error {
	defer l.Close()
	if err := l.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	conn, err := l.AcceptUnix()
	if err != nil {
		return fmt.Errorf("the watched process did not come: does TestMain call disk.Main? %w", err)
	}
	defer conn.Close()
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := conn.ReadMsgUnix(make([]byte, 1), oob)
	if err != nil {
		return fmt.Errorf("hear from the watched process: %w", err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 1 {
		return fmt.Errorf("the watched process sent %d descriptors, %w", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return fmt.Errorf("take the descriptor: %w", err)
	}
	defer unix.Close(fds[0])
	if _, err := conn.Write([]byte{1}); err != nil {
		return fmt.Errorf("let the watched process go on: %w", err)
	}
	return d.serve(fds[0])
}

// notice is struct seccomp_notif, and answer struct seccomp_notif_resp.
type notice struct {
	id        uint64
	pid       uint32
	flags     uint32
	nr        int32
	arch      uint32
	ip        uint64
	arguments [6]uint64
}

type answer struct {
	id    uint64
	value int64
	err   int32
	flags uint32
}

func ioctl(fd int, request uint, p unsafe.Pointer) error {
	if _, _, err := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(p)); err != 0 {
		return err
	}
	return nil
}

// serve answers the kernel until the process has gone.
func (d *Disk) serve(fd int) error {
	var late waiting
	defer late.Wait()
	for {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for the kernel: %w", err)
		}
		if poll[0].Revents&unix.POLLIN == 0 {
			if poll[0].Revents != 0 {
				return nil
			}
			continue
		}
		var n notice
		switch err := ioctl(fd, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)); {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENOENT): // the thread has gone
			continue
		case err != nil:
			return fmt.Errorf("hear what the process does: %w", err)
		}
		d.handle(fd, &n, &late)
	}
}

func (d *Disk) handle(fd int, n *notice, late *waiting) {
	reply := func(v verdict) {
		a := answer{id: n.id, err: -int32(v.err)}
		if v.err == 0 && !v.fake {
			a.flags = unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE
		}
		// It fails if the process has been killed meanwhile.
		_ = ioctl(fd, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&a))
	}
	c, err := d.read(n)
	if err != nil {
		d.fail(err)
	}
	if c.kind == other {
		reply(verdict{})
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cut {
		return
	}
	v := d.judge(c)
	if v.after == 0 {
		reply(v)
		return
	}
	late.after(v.after, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.cut {
			return
		}
		if v.err == 0 && !v.fake {
			d.keep(c.path)
		}
		reply(v)
	})
}

// Main does nothing in the test's process. In the one that is to be watched it puts the filter in place and becomes the command.
func Main() {
	address, ok := os.LookupEnv(socketName)
	if !ok {
		return
	}
	err := become(address)
	fmt.Fprintln(os.Stderr, "disk: cannot be put under a process here (it takes Linux 5.5 or later, with seccomp):", err)
	os.Exit(1)
}

func become(address string) error {
	runtime.LockOSThread() // the filter is this thread's, and so is what it becomes
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Net: "unix", Name: address})
	if err != nil {
		return err
	}
	if err := os.Unsetenv(socketName); err != nil {
		return err
	}
	fd, err := filter()
	if err != nil {
		return err
	}
	if _, _, err := conn.WriteMsgUnix([]byte{1}, unix.UnixRights(fd), nil); err != nil {
		return err
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		return err
	}
	return unix.Exec(os.Args[1], os.Args[2:], os.Environ())
}

// filter has the kernel ask about the calls that change a disk, and returns the descriptor on which it does.
func filter() (int, error) {
	numbers := watched()
	program := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}} // the number of the call
	for i, nr := range numbers {
		program = append(program, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(nr), Jt: uint8(len(numbers) - i)})
	}
	program = append(program,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, fmt.Errorf("give up privileges: %w", err)
	}
	p := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&p)))
	if errno != 0 {
		return 0, fmt.Errorf("set the filter: %w", errno)
	}
	return int(fd), nil
}
