package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of settings. They are wide; they catch a slip such as a missing unit, not an unusual choice.
const (
	maxDrain     = 10 * time.Minute
	maxTimeout   = 10 * time.Minute // of a CometD connect: CN-8
	maxLongWait  = 24 * time.Hour
	maxCustomers = 1000
)

// Check says what is wrong with the settings that are single values; [Config.Directory] checks the rest. The error is a *Error.
func (c *Config) Check() error {
	for _, rule := range []func() error{c.checkAddresses, c.checkDemo, c.checkLog, c.checkRanges, c.checkLists, c.checkTimeZone} {
		if err := rule(); err != nil {
			return wrong(err)
		}
	}
	return nil
}

func (c *Config) checkAddresses() error {
	if err := checkListen("listen", c.Listen); err != nil {
		return err
	}
	if c.OpsListen != "" {
		if err := checkListen("ops-listen", c.OpsListen); err != nil {
			return err
		}
		if c.OpsListen == c.Listen && !strings.HasSuffix(c.Listen, ":0") {
			return fmt.Errorf("ops-listen: %s is what listen says already: give it a port of its own, or leave it out", c.OpsListen)
		}
	}
	if c.Data == "" {
		return errors.New("data: name a folder for the database")
	}
	if c.URL == "" {
		return nil
	}
	u, err := url.Parse(c.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("url: %q is not a public address: write https://host, without query or user", c.URL)
	}
	return nil
}

func checkListen(key, address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%s: %q is not host:port, such as 127.0.0.1:8080 or [::1]:8080", key, address)
	}
	return nil
}

// checkDemo keeps users whose password is printed in the manual off public addresses (F10).
func (c *Config) checkDemo() error {
	if c.DemoCustomers < 0 || c.DemoCustomers > maxCustomers {
		return fmt.Errorf("demo-customers: %d is not between 0 and %d", c.DemoCustomers, maxCustomers)
	}
	if c.Demo && !c.DemoPublic && c.Public() {
		return fmt.Errorf("demo: its passwords are known to everybody, and listen: %s is not a loopback address: listen on 127.0.0.1, or say demo-public if you mean it", c.Listen)
	}
	return nil
}

// Public says whether others than this machine can reach the address that is served on.
func (c *Config) Public() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return host != "localhost" && (err != nil || !ip.Unmap().IsLoopback())
}

func (c *Config) checkLog() error {
	if levels := []string{"debug", "info", "warn", "error"}; !slices.Contains(levels, c.LogLevel) {
		return fmt.Errorf("log-level: there is no %q; there are: %s", c.LogLevel, strings.Join(levels, ", "))
	}
	if formats := []string{"text", "json"}; !slices.Contains(formats, c.LogFormat) {
		return fmt.Errorf("log-format: there is no %q; there are: %s", c.LogFormat, strings.Join(formats, ", "))
	}
	return nil
}

func (c *Config) checkRanges() error {
	// What a session that comes back at the last moment has missed must still be there.
	away := c.Agent.Timeout + c.Agent.Interval + c.Agent.MaxInterval + c.Agent.ResumeWindow
	return cmp.Or(
		within("drain", c.Drain, 0, maxDrain),
		within("session-timeout", c.SessionTimeout, time.Minute, 30*maxLongWait),
		within("read-timeout", c.ReadTimeout, time.Second, maxTimeout),
		within("max-connections", c.MaxConnections, 10, 10_000_000),
		within("max-per-address", c.MaxPerAddress, 1, 10_000_000),
		within("agent.timeout", c.Agent.Timeout, time.Second, maxTimeout),
		within("agent.interval", c.Agent.Interval, 0, maxTimeout),
		within("agent.max-interval", c.Agent.MaxInterval, time.Second, maxLongWait),
		within("agent.resume-window", c.Agent.ResumeWindow, 0, maxLongWait),
		within("agent.max-sessions-per-browser", c.Agent.MaxSessionsPerBrowser, -1, 1_000_000),
		within("agent.max-message-size", c.Agent.MaxMessageSize, 1<<10, 64<<20),
		within("agent.max-frame-size", c.Agent.MaxFrameSize, 1<<10, 64<<20),
		within("agent.max-messages", c.Agent.MaxMessages, 1, 100_000),
		within("agent.max-subscriptions", c.Agent.MaxSubscriptions, 1, 100_000),
		within("agent.max-batch", c.Agent.MaxBatch, 1, 10_000),
		within("agent.ping-interval", c.Agent.PingInterval, time.Second, maxLongWait),
		within("feed-retention", c.FeedRetention, max(time.Minute, away), 365*maxLongWait),
		within("key-retention", c.KeyRetention, time.Minute, 365*maxLongWait),
		within("agent.max-body", c.Agent.MaxBody, 1<<10, 64<<20),
		within("customer.max-body", c.Customer.MaxBody, 1<<10, 64<<20),
		within("customer.starts-per-minute", c.Customer.StartsPerMinute, 1, 1_000_000),
		within("customer.operations-per-second", c.Customer.OperationsPerSecond, 1, 1_000_000),
		within("routing.offer-timeout", c.Routing.OfferTimeout, time.Second, maxLongWait),
		within("routing.ask-timeout", c.Routing.AskTimeout, time.Second, maxLongWait),
		within("routing.decline-pause", c.Routing.DeclinePause, 0, maxLongWait),
	)
}

func within[T cmp.Ordered](key string, value, low, high T) error {
	if value < low || value > high {
		return fmt.Errorf("%s: %v is not between %v and %v", key, value, low, high)
	}
	return nil
}

func (c *Config) checkLists() error {
	if len(c.Agent.Transports) == 0 {
		return errors.New("agent.transports: name at least one of websocket, long-polling and callback-polling")
	}
	for i, t := range c.Agent.Transports {
		if t != "websocket" && t != "long-polling" && t != "callback-polling" {
			return fmt.Errorf("agent.transports: there is no %q; there are: websocket, long-polling, callback-polling", t)
		}
		if slices.Contains(c.Agent.Transports[:i], t) {
			return fmt.Errorf("agent.transports: %q is named twice", t)
		}
	}
	if c.Agent.DispositionKey == "" {
		return errors.New("agent.disposition-key: must not be empty")
	}
	if err := checkOrigins("agent.allowed-origins", c.Agent.AllowedOrigins); err != nil {
		return err
	}
	_, err := c.Proxies()
	return err
}

// checkOrigins accepts what a browser sends as Origin, and nothing else: a wildcard would open every site's pages the way to a user's cookie (F5).
func checkOrigins(key string, origins []string) error {
	for _, o := range origins {
		u, err := url.Parse(o)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Scheme+"://"+u.Host != o || strings.Contains(o, "*") {
			return fmt.Errorf("%s: %q is not an origin: write scheme://host or scheme://host:port, without a path", key, o)
		}
	}
	return nil
}

// Proxies returns the networks of TrustedProxies.
func (c *Config) Proxies() ([]netip.Prefix, error) {
	networks := make([]netip.Prefix, len(c.TrustedProxies))
	for i, text := range c.TrustedProxies {
		if ip, err := netip.ParseAddr(text); err == nil {
			networks[i] = netip.PrefixFrom(ip, ip.BitLen())
			continue
		}
		n, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("trusted-proxies: %q is neither an address nor a network such as 10.0.0.0/8", text)
		}
		networks[i] = n.Masked()
	}
	return networks, nil
}

func (c *Config) checkTimeZone() error {
	_, err := c.Location()
	return err
}

// Location returns the zone that Agent.TimeZone names.
func (c *Config) Location() (*time.Location, error) {
	zone, err := time.LoadLocation(c.Agent.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("agent.time-zone: there is no %q on this machine: write a name such as Europe/Berlin, UTC or Local", c.Agent.TimeZone)
	}
	return zone, nil
}
