package web

import (
	"log/slog"
	"net"
	"time"

	"github.com/labstack/echo/v4"
)

// StackConfig is what the middleware of every request needs to know.
type StackConfig struct {
	Logger         *slog.Logger
	AllowedOrigins []string             // of browser pages, exactly as in Origin: https://app.example.com
	TrustedProxies []*net.IPNet         // whose X-Forwarded-For is believed; none: the peer is the client
	TLS            bool                 // whether clients reach us by https, here or at a proxy
	BodyTimeout    time.Duration        // for a body to arrive whole; 0: 10 s
	ErrorForms     map[string]ErrorForm // of versions that answer errors in a form of their own; see ErrorHandler
	Metrics        *Metrics             // that count requests; nil: nobody does
}

const defaultBodyTimeout = 10 * time.Second

// Stack installs in e what every request passes, outermost first: the path is
// normalised; the request gets its id, is counted, and its body gets a deadline; it is
// logged with its error already answered; panics become errors; headers and CORS.
// It must be called before routes are added, so that HEAD is there for each GET.
func Stack(e *echo.Echo, cfg StackConfig) {
	if cfg.BodyTimeout == 0 {
		cfg.BodyTimeout = defaultBodyTimeout
	}
	e.HTTPErrorHandler = ErrorHandler(cfg.Logger, cfg.ErrorForms)
	e.IPExtractor = clientAddress(cfg.TrustedProxies)
	mirrorHead(e)
	e.Pre(trimSlash)
	e.Use(requestID)
	if cfg.Metrics != nil {
		e.Use(cfg.Metrics.measured)
	}
	e.Use(
		bodyDeadline(cfg.BodyTimeout),
		logging(cfg.Logger),
		recovered,
		securityHeaders(cfg.TLS),
		cors(cfg.AllowedOrigins),
	)
}

// clientAddress believes X-Forwarded-For as far as it was written by proxies
// that we trust. Private networks are not trusted for being private.
func clientAddress(trusted []*net.IPNet) echo.IPExtractor {
	if len(trusted) == 0 {
		return echo.ExtractIPDirect()
	}
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, network := range trusted {
		options = append(options, echo.TrustIPRange(network))
	}
	return echo.ExtractIPFromXFFHeader(options...)
}
