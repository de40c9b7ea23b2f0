package customerapi

import (
	"net/http"
	"slices"

	"github.com/halley-chat/halley/internal/directory"
)

const (
	allowedMethods = "POST, OPTIONS"
	// crossSiteMethods is what a browser may use on some URL of the API: GET belongs to its CometD variant.
	crossSiteMethods = "POST, GET, OPTIONS"
	crossSiteHeaders = "Content-Type, Accept, apikey, x-api-key, Authorization, gms_user, ContactCenterId, X-Requested-With, Cache-Control"
	preflightAge     = "86400" // seconds
)

// allowOrigin lets a page on another site read the answer, also an error: without these headers a browser reports no status, and the widget
// shows "connection lost". It never answers "*", which a request with credentials would not accept. A service without a list of origins
// allows any; what the list does not allow is processed all the same, for clients that are no browsers. [1.5]
func allowOrigin(h http.Header, r *http.Request, service *directory.Service) {
	h.Set("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || service != nil && len(service.AllowedOrigins) > 0 && !slices.Contains(service.AllowedOrigins, origin) {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
}

// preflight answers the question that a browser asks before a cross-site request. It needs no authentication, and every URL answers it. [1.5]
func preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if h.Get("Access-Control-Allow-Origin") != "" {
		wanted := r.Header.Get("Access-Control-Request-Headers")
		if wanted == "" {
			wanted = crossSiteHeaders
		}
		h.Set("Access-Control-Allow-Methods", crossSiteMethods)
		h.Set("Access-Control-Allow-Headers", wanted)
		h.Set("Access-Control-Max-Age", preflightAge)
	} else {
		h.Set("Allow", allowedMethods)
	}
	w.WriteHeader(http.StatusNoContent)
}
