// Package docs holds the descriptions of the API, for the server that serves them and the tests that hold it to them. The rest of this folder is for readers.
package docs

import _ "embed"

// OpenAPI describes everything that is served over REST: OpenAPI 3.0.3, in YAML.
//
//go:embed openapi.yaml
var OpenAPI []byte

// AsyncAPI describes every notification: AsyncAPI 2.6.0, in YAML. Its references to openapi.yaml are to OpenAPI.
//
//go:embed asyncapi.yaml
var AsyncAPI []byte
