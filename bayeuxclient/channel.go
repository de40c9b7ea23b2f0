package bayeuxclient

import "strings"

// matching calls yield with each subscription pattern that a message on channel matches, the widest first: /**, /a/**, /a/*, /a/b
// [3.2]. A trailing slash is ignored [CH-2].
func matching(channel string, yield func(pattern string)) {
	channel = plain(channel)
	last := strings.LastIndexByte(channel, '/')
	for i := range len(channel) {
		if channel[i] == '/' {
			yield(channel[:i] + "/**")
		}
	}
	if last >= 0 {
		yield(channel[:last] + "/*")
	}
	yield(channel)
}

// plain is the channel as it is looked up.
func plain(channel string) string {
	if len(channel) > 1 {
		return strings.TrimSuffix(channel, "/")
	}
	return channel
}
