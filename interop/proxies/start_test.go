package proxies_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/halley-chat/halley/internal/config"
	"github.com/halley-chat/halley/internal/server/servertest"
)

// kind is a proxy that the documentation has a configuration for.
type kind struct {
	file    string // in docs/proxies
	program string
	args    func(conf string) []string
	// adapt lists what is different in a test: pairs of old and new.
	adapt func(at place) []string
}

// place is where a proxy of a test runs.
type place struct{ folder, port, plainPort, halley string }

var (
	nginx = kind{
		file: "nginx.conf", program: "nginx",
		args: func(conf string) []string {
			return []string{"-e", "stderr", "-c", conf, "-g", "daemon off; pid " + conf + ".pid;"}
		},
		adapt: func(at place) []string {
			temporary := ""
			for _, what := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
				temporary += fmt.Sprintf("%s_temp_path %s;\n", what, filepath.Join(at.folder, what))
			}
			return []string{
				"user www-data;\n", "user root;\n", // whom the test's folder belongs to, if nginx may change its user at all
				"worker_processes auto;\nworker_rlimit_nofile 65536;", "worker_processes 1;",
				"worker_connections 30000;", "worker_connections 200;",
				"http {\n", "http {\naccess_log off;\n" + temporary,
				"127.0.0.1:8080", at.halley,
				"listen 80;", "listen 127.0.0.1:" + at.plainPort + ";",
				"listen 443 ", "listen 127.0.0.1:" + at.port + " ",
				"/etc/ssl/desk.example.com.pem", filepath.Join(at.folder, "both.pem"),
				"/etc/ssl/desk.example.com.key", filepath.Join(at.folder, "both.pem"),
			}
		},
	}
	haproxy = kind{
		file: "haproxy.cfg", program: "haproxy",
		args: func(conf string) []string { return []string{"-db", "-f", conf} },
		adapt: func(at place) []string {
			return []string{
				"  user haproxy\n  group haproxy\n  chroot /var/lib/haproxy\n  maxconn 20000\n", "  maxconn 200\n",
				"127.0.0.1:8080", at.halley,
				"bind :80", "bind 127.0.0.1:" + at.plainPort,
				"bind :443 ", "bind 127.0.0.1:" + at.port + " ",
				"/etc/haproxy/desk.example.com.pem", filepath.Join(at.folder, "both.pem"),
			}
		},
	}
)

// front is a proxy that runs, with a Halley behind it.
type front struct {
	url    string
	ca     string // file with its certificate
	roots  *x509.CertPool
	halley *servertest.Server
}

// startProxy starts a proxy with the configuration of the documentation, after changing it (pairs of old and new, each of which must occur), and a Halley.
func startProxy(t *testing.T, k kind, set func(*config.Config), change ...string) *front {
	t.Helper()
	program, err := exec.LookPath(k.program)
	if err != nil { // a user's path may lack what is for administrators
		if program, err = exec.LookPath("/usr/sbin/" + k.program); err != nil {
			t.Fatalf("%s is not installed: run tools/test-deps", k.program)
		}
	}
	text, err := os.ReadFile(filepath.Join("../../docs/proxies", k.file))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	roots := newCertificate(t, folder)
	at := place{folder: folder, port: freePort(t), plainPort: freePort(t)}
	f := &front{url: "https://127.0.0.1:" + at.port, ca: filepath.Join(folder, "cert.pem"), roots: roots}
	f.halley = servertest.Start(t, func(c *config.Config) {
		c.URL, c.TrustedProxies = f.url, []string{"127.0.0.1"}
		c.Agent.Timeout, c.Agent.PingInterval = 2*time.Second, 2*time.Second
		if set != nil {
			set(c)
		}
	})
	at.halley = f.halley.Config().Listen
	conf := string(text)
	pairs := append(change, k.adapt(at)...)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(conf, pairs[i]) {
			t.Fatalf("%s does not have %q", k.file, pairs[i])
		}
		conf = strings.ReplaceAll(conf, pairs[i], pairs[i+1])
	}
	file := filepath.Join(folder, k.file)
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	runProxy(t, exec.Command(program, k.args(file)...), "127.0.0.1:"+at.port)
	return f
}

// runProxy starts a proxy, and returns when it accepts connections. It ends with the test.
func runProxy(t *testing.T, cmd *exec.Cmd, address string) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	said := func() string { b, _ := os.ReadFile(out.Name()); return string(b) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended, gone := context.WithCancelCause(context.Background())
	go func() { gone(errors.Join(errors.New("it has ended"), cmd.Wait())) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // or it has ended
		<-ended.Done()
		out.Close()
		if t.Failed() {
			t.Logf("%s said:\n%s", cmd.Path, said())
		}
	})
	deadline, cancel := context.WithTimeout(ended, servertest.Patience)
	defer cancel()
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		conn, err := (&net.Dialer{}).DialContext(deadline, "tcp", address)
		if err == nil {
			conn.Close()
			tick.Stop()
			return
		}
		select {
		case <-tick.C:
		case <-deadline.Done():
			t.Fatalf("%s does not serve on %s: %v\n%s", cmd.Path, address, context.Cause(ended), said())
		}
	}
}

// freePort finds a port that nobody listens on, below those that systems give to outgoing connections, of which there are many meanwhile.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(20_000 + mathrand.IntN(12_000))
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}

// newCertificate writes a certificate for 127.0.0.1 into cert.pem, and with its key into both.pem.
func newCertificate(t *testing.T, folder string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(30 * 24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	both := append(cert[:len(cert):len(cert)], pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	for name, content := range map[string][]byte{"cert.pem": cert, "both.pem": both} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	return roots
}
