package bayeux

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Chapter 19: the table of options in docs/protocol/bayeux.md and the code agree on
// names and defaults, and neither has one that the other lacks.
func TestOptionsTable(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile(filepath.Join("..", "docs", "protocol", "bayeux.md"))
	must(t, err)
	_, table, _ := strings.Cut(string(doc), "\n## Mounts and options\n")
	table, _, _ = strings.Cut(table, "\n## ")
	filled, err := Options{}.withDefaults()
	must(t, err)
	fields := map[string]string{}
	optionFields(reflect.ValueOf(filled), "", fields)

	row := regexp.MustCompile("(?m)^\\| (`[^|]+`) \\| ([^|]*) \\|")
	named := regexp.MustCompile("`([^`]+)`")
	documented := map[string]bool{}
	for _, r := range row.FindAllStringSubmatch(table, -1) {
		for _, n := range named.FindAllStringSubmatch(r[1], -1) {
			field := plain(strings.Replace(n[1], "enableExtension.", "", 1))
			documented[field] = true
			if got, ok := fields[field]; !ok {
				t.Errorf("%s is no field of Options", n[1])
			} else if want := plainNumber(strings.TrimSpace(r[2])); got != want {
				t.Errorf("%s: the default is %s, the table says %s", n[1], got, want)
			}
		}
	}
	for field := range fields {
		if !documented[field] {
			t.Errorf("Options has a field %s that the table of options lacks", field)
		}
	}
	for _, name := range specified {
		if !documented[plain(name)] {
			t.Errorf("chapter 19 has %s, the table does not", name)
		}
	}
}

// specified are the names of the specification, so that none is renamed or dropped.
var specified = strings.Fields(`transports timeout maxTimeout interval maxInterval maxProcessing resumeWindow ws.confirmByPing
	maxLazyTimeout metaConnectDeliverOnly maxQueue maxQueueBytes maxMessageSize jsonDepth maxMessagesPerRequest
	maxSubscriptionsPerSession maxSessionsPerBrowser http2MaxSessionsPerBrowser multiSessionInterval trustClientSession
	browserCookieName browserCookieDomain browserCookiePath browserCookieMaxAge browserCookieSecure browserCookieHttpOnly
	browserCookieSameSite browserCookiePartitioned duplicateMetaConnectHttpResponseCode allowMessageDeliveryDuringHandshake
	handshakeReconnect broadcastToPublisher validateMessageFields allowWildcardPublish errorStyle callbackParameter
	callbackParameterMaxLength ws.messagesPerFrame ws.idleTimeout ws.requireHandshakePerConnection ws.protocol
	ws.permessage-deflate ws.pingInterval ws.bindBrowserCookie allowedOrigins allowedHeaders extensions sweepPeriod`)

// plain makes names of the wire and of Go alike.
func plain(name string) string {
	return strings.ToLower(strings.NewReplacer(".", "", "-", "").Replace(name))
}

// plainNumber turns "4 MiB" into bytes.
func plainNumber(s string) string {
	for unit, factor := range map[string]int{" KiB": 1 << 10, " MiB": 1 << 20} {
		if n, err := strconv.Atoi(strings.TrimSuffix(s, unit)); err == nil && strings.HasSuffix(s, unit) {
			return strconv.Itoa(n * factor)
		}
	}
	return s
}

// optionFields collects the fields that a program could set by a flag, by plain
// name, with their values as the table writes them.
func optionFields(v reflect.Value, prefix string, into map[string]string) {
	for i := range v.NumField() {
		f, value := v.Type().Field(i), v.Field(i)
		switch value.Kind() {
		case reflect.Func, reflect.Interface, reflect.Pointer:
			continue
		case reflect.Struct:
			sub := map[string]string{"LongPolling": "long-polling.json.", "JSONP": "long-polling.jsonp."}[f.Name]
			if sub == "" {
				sub = f.Name
			}
			optionFields(value, prefix+sub, into)
			continue
		}
		into[plain(prefix+f.Name)] = optionText(value)
	}
}

func optionText(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		if x < 0 {
			return "-1"
		}
		return strconv.FormatInt(x.Milliseconds(), 10)
	case Switch:
		return strconv.FormatBool(x == On)
	case ErrorStyle:
		return map[ErrorStyle]string{ErrorStyleDefault: "default"}[x]
	case ActivityMode:
		return map[ActivityMode]string{ActivityClient: "client"}[x]
	case TimestampFormat:
		return map[TimestampFormat]string{TimestampISO: "iso"}[x]
	}
	if v.IsZero() && v.Kind() != reflect.Bool && v.Type() != reflect.TypeFor[int]() {
		return "none"
	}
	if v.Kind() != reflect.Slice {
		return fmt.Sprint(v.Interface())
	}
	var all []string
	for i := range v.Len() {
		all = append(all, fmt.Sprint(v.Index(i).Interface()))
	}
	return strings.Join(all, ", ")
}

// The more specific value wins (AD-4, DEL-6, chapter 19).
func TestOptionsPerTransport(t *testing.T) {
	t.Parallel()
	o, err := Options{
		Timeout: 1 * time.Second, MaxMessageSize: 100, MetaConnectDeliverOnly: true,
		WS: WSOptions{Timeout: 2 * time.Second, MetaConnectDeliverOnly: Off}, LongPolling: HTTPOptions{MaxMessageSize: 200},
	}.withDefaults()
	must(t, err)
	if o.LongPolling.Timeout != time.Second || o.JSONP.Timeout != time.Second || o.WS.Timeout != 2*time.Second {
		t.Error(o.LongPolling.Timeout, o.JSONP.Timeout, o.WS.Timeout)
	}
	if o.LongPolling.MaxMessageSize != 200 || o.JSONP.MaxMessageSize != 100 || o.WS.MaxMessageSize != 100 {
		t.Error(o.LongPolling.MaxMessageSize, o.JSONP.MaxMessageSize, o.WS.MaxMessageSize)
	}
	if o.LongPolling.MetaConnectDeliverOnly != On || o.JSONP.MetaConnectDeliverOnly != On || o.WS.MetaConnectDeliverOnly != Off {
		t.Error("metaConnectDeliverOnly")
	}
}

// DEL-6: with metaConnectDeliverOnly for polls alone, a websocket writes at once.
func TestDeliverOnlyPerTransport(t *testing.T) {
	t.Parallel()
	both(t, Options{LongPolling: HTTPOptions{MetaConnectDeliverOnly: On}}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, "")
		subscribe(t, c, "/s")
		got := data(c.ask(`[{"channel":"/s","clientId":"<A>","data":1}]`))
		if want := map[Transport]string{LongPolling: "", WebSocket: "1"}[c.transport()]; got != want {
			t.Errorf("%q came with the reply to a publish", got)
		}
		if c.transport() == LongPolling {
			if got := data(c.ask(connectMessage("1", ""))); got != "1" {
				t.Error(got)
			}
		}
	})
}
