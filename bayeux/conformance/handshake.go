package conformance

func handshakeChecks() []Check {
	return []Check{
		{N: 2, Title: "handshake without version and types", Rules: []string{"HS-1"}, On: []Transport{L, W}, Mark: R, Run: func(l *Line) {
			r := l.Client().Do(M{"channel": "/meta/handshake"}).Reply()
			l.Has("the reply", r, `{"successful":true,"version":"1.0"}`)
		}},
	}
}
