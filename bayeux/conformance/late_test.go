package conformance

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/halley-chat/halley/bayeux"
)

// AK-13, CN-10: connects come to a server in another order than they were sent, and the one that comes last is the one that is held. On a server that has each
// request wait for a moment, a connect that was given up comes after its successor has been answered, and takes the place of the one after that.
func TestRacingConnectsThatComeLate(t *testing.T) {
	t.Parallel()
	srv, err := bayeux.New(bayeux.Options{Extensions: []bayeux.ExtensionName{bayeux.ExtensionAck}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rand.N(4) == 0 {
			wait := time.NewTimer(10 * time.Millisecond)
			defer wait.Stop()
			select {
			case <-wait.C:
			case <-r.Context().Done():
			}
		}
		srv.ServeHTTP(w, r)
	}))
	srv.Track(server.Config)
	server.Start()
	defer server.Close()
	defer func() {
		if err := srv.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	racing := Check{N: 45, Title: "racing connects", Mark: R, On: []Transport{L}, Run: racingConnects}
	suite := Suite{Target: URL(server.URL)}
	for _, r := range suite.Run(t.Context(), slices.Repeat([]Check{racing}, 8)) {
		if r.Verdict != Pass {
			t.Error(r)
		}
	}
}
