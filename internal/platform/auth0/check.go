package auth0

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// scopes are what the application is granted on the Auth0 Management API: the
// first four to keep the users, the others for Check itself.
func scopes() []string {
	return []string{
		"read:users", "create:users", "update:users", "delete:users",
		"read:clients", "read:connections", "read:resource_servers",
	}
}

// maxPages bounds the reading of a list; a tenant has few applications.
const maxPages = 40

// Check reports every setting of the tenant that is not as it must be, in one
// error, each by its name in Auth0's dashboard. It reads and changes nothing.
//
// For a tenant that cannot be reached, errors.Is(err, ErrUnreachable); what could
// be read before that is in the error too.
func (c *Client) Check(ctx context.Context) error {
	if err := all(ctx, c.checkDiscovery, c.checkKeys, c.checkManagement); err != nil {
		return fmt.Errorf("auth0: check tenant: %w", err)
	}
	return nil
}

// all joins what checks find; a tenant that is away is not asked for the rest.
func all(ctx context.Context, checks ...func(context.Context) error) error {
	var faults []error
	for _, check := range checks {
		err := check(ctx)
		faults = append(faults, err)
		if errors.Is(err, ErrUnreachable) {
			break
		}
	}
	return errors.Join(faults...)
}

// setting is a fault by the setting's name in the dashboard.
func setting(name, fault string) error { return errors.New(name + ": " + fault) }

func (c *Client) checkDiscovery(ctx context.Context) error {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	a, err := c.send(ctx, request{method: http.MethodGet, path: discoveryPath, repeatable: true})
	if err == nil && !a.ok() {
		err = a.unexpected(c.cfg.Now())
	}
	var said struct {
		Issuer string `json:"issuer"`
	}
	if err == nil {
		err = a.read(&said)
	}
	switch {
	case err != nil:
		return fmt.Errorf("discovery: %w", err)
	case said.Issuer != c.Issuer():
		return setting("Domain", "it must be the tenant's own, since the issuer that discovery names is not "+c.Issuer())
	}
	return nil
}

// checkKeys leaves the keys that it read in use.
func (c *Client) checkKeys(ctx context.Context) error {
	err := c.keys.turn.take(ctx, func() error { return c.keys.refresh(ctx) })
	if err != nil {
		return fmt.Errorf("signing keys: %w", err)
	}
	return nil
}

// checkManagement reads the settings, each as far as the token may.
func (c *Client) checkManagement(ctx context.Context) error {
	bounded, cancel := c.bound(ctx)
	defer cancel()
	token, err := c.managementToken(bounded, nil)
	if err != nil {
		return fmt.Errorf("client id, client secret, grant types of the application or its access to the Management API: %w", err)
	}
	var faults []error
	for _, scope := range scopes() {
		if !token.may(scope) {
			faults = append(faults, setting("Auth0 Management API, Permissions of the application", scope+" is missing"))
		}
	}
	var checks []func(context.Context) error
	for _, check := range []struct {
		scope string
		run   func(context.Context) error
	}{{"read:clients", c.checkApplication}, {"read:connections", c.checkConnection}, {"read:resource_servers", c.checkAPI}} {
		if token.may(check.scope) {
			checks = append(checks, check.run)
		}
	}
	return errors.Join(append(faults, all(ctx, checks...))...)
}

func (c *Client) checkApplication(ctx context.Context) error {
	var app struct {
		Grants     []string `json:"grant_types"`
		FirstParty bool     `json:"is_first_party"`
		AuthMethod string   `json:"token_endpoint_auth_method"`
		JWT        struct {
			Alg string `json:"alg"`
		} `json:"jwt_configuration"`
	}
	if found, err := c.settings(ctx, "clients/"+url.PathEscape(c.cfg.ClientID), &app); err != nil || !found {
		return absent(setting("Application", "none has the client id"), err)
	}
	var faults []error
	fault := func(wrong bool, name, text string) {
		if wrong {
			faults = append(faults, setting("Application, "+name, text))
		}
	}
	fault(!slices.Contains(app.Grants, grantCredentials), "Grant Types", "Client Credentials ("+grantCredentials+") is off")
	fault(!slices.Contains(app.Grants, grantRealm), "Grant Types", "Password with realm ("+grantRealm+") is off")
	fault(!app.FirstParty, "is_first_party", "it must be a first-party application")
	fault(app.AuthMethod == "none", "Token Endpoint Authentication Method", "none gives it no secret")
	fault(app.JWT.Alg != "" && app.JWT.Alg != "RS256", "JSON Web Token Signature Algorithm", "it must be RS256")
	return errors.Join(faults...)
}

func (c *Client) checkConnection(ctx context.Context) error {
	var list []struct {
		ID       string    `json:"id"`
		Name     string    `json:"name"`
		Strategy string    `json:"strategy"`
		Enabled  *[]string `json:"enabled_clients"` // tenants made since 2026 leave it out
	}
	if _, err := c.settings(ctx, "connections?name="+url.QueryEscape(c.cfg.Connection), &list); err != nil {
		return err
	}
	for _, conn := range list {
		if conn.Name != c.cfg.Connection {
			continue
		}
		if conn.Strategy != "auth0" {
			return setting("Database Connection", "the strategy of the connection is not auth0")
		}
		enabled, err := conn.Enabled != nil && slices.Contains(*conn.Enabled, c.cfg.ClientID), error(nil)
		if conn.Enabled == nil {
			enabled, err = c.isEnabled(ctx, conn.ID)
		}
		if err != nil || !enabled {
			return absent(setting("Database Connection, Applications", "the connection is off for the application"), err)
		}
		return nil
	}
	return setting("Database Connection", "none has this name")
}

// isEnabled looks for our application among those of a connection, page by page.
func (c *Client) isEnabled(ctx context.Context, connection string) (bool, error) {
	from := ""
	for range maxPages {
		var page struct {
			Clients []struct {
				ID string `json:"client_id"`
			} `json:"clients"`
			Next string `json:"next"`
		}
		if _, err := c.settings(ctx, "connections/"+url.PathEscape(connection)+"/clients"+from, &page); err != nil {
			return false, err
		}
		for _, client := range page.Clients {
			if client.ID == c.cfg.ClientID {
				return true, nil
			}
		}
		if page.Next == "" {
			return false, nil
		}
		from = "?from=" + url.QueryEscape(page.Next)
	}
	return false, nil
}

func (c *Client) checkAPI(ctx context.Context) error {
	var api struct {
		Alg string `json:"signing_alg"`
	}
	if found, err := c.settings(ctx, "resource-servers/"+url.PathEscape(c.cfg.Audience), &api); err != nil || !found {
		return absent(setting("API, Identifier", "none is the audience"), err)
	}
	if api.Alg != "RS256" {
		return setting("API, JSON Web Token (JWT) Signing Algorithm", "it must be RS256")
	}
	return nil
}

// settings reads one resource of the Management API; not found is no error.
func (c *Client) settings(ctx context.Context, path string, into any) (found bool, err error) {
	name, _, _ := strings.Cut(path, "/")
	name, _, _ = strings.Cut(name, "?")
	a, err := c.manage(ctx, request{method: http.MethodGet, path: managementPath + path, repeatable: true})
	switch {
	case err != nil:
	case a.status == http.StatusNotFound:
		return false, nil
	case !a.ok():
		err = a.unexpected(c.cfg.Now())
	default:
		err = a.read(into)
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", name, err)
	}
	return true, nil
}

// absent is err, or what the absence of one means.
func absent(fault, err error) error {
	if err != nil {
		return err
	}
	return fault
}
