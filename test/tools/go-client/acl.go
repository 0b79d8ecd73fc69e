package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/nomad/api"
)

// Policies, roles, tokens and logins, as tools that manage them do; with a token that may everything.
func (r *run) acl(address string) error {
	acl := r.client
	if _, err := acl.ACLPolicies().Upsert(&api.ACLPolicy{Name: "go-read", Description: "of the test", Rules: `namespace "default" { policy = "read" }`}, nil); err != nil {
		return err
	}
	policy, _, err := acl.ACLPolicies().Info("go-read", nil)
	if err != nil || policy.Description != "of the test" || policy.CreateIndex == 0 {
		return fmt.Errorf("policy %+v: %v", policy, err)
	}
	role, _, err := acl.ACLRoles().Create(&api.ACLRole{Name: "go-role", Policies: []*api.ACLRolePolicyLink{{Name: "go-read"}}}, nil)
	if err != nil {
		return err
	}
	token, _, err := acl.ACLTokens().Create(&api.ACLToken{Name: "go", Type: "client", Roles: []*api.ACLTokenRoleLink{{ID: role.ID}}, ExpirationTTL: time.Hour}, nil)
	if err != nil || token.ExpirationTime == nil || token.ExpirationTTL != time.Hour || token.Roles[0].Name != "go-role" {
		return fmt.Errorf("token %+v: %v", token, err)
	}
	if err := reads(address, token); err != nil {
		return err
	}
	if err := r.handOver(address, token); err != nil {
		return err
	}
	if err := r.login(address); err != nil {
		return err
	}
	if _, err := acl.ACLTokens().Delete(token.AccessorID, nil); err != nil {
		return err
	}
	if _, _, err := as(address, token.SecretID).ACLTokens().Self(nil); err == nil || !strings.Contains(err.Error(), "403") {
		return fmt.Errorf("a deleted token: %v", err)
	}
	if _, err := acl.ACLRoles().Delete(role.ID, nil); err != nil {
		return err
	}
	_, err = acl.ACLPolicies().Delete("go-read", nil)
	return err
}

func as(address string, secret string) *api.Client {
	client, err := api.NewClient(&api.Config{Address: address, SecretID: secret})
	if err != nil {
		fail("client", err)
	}
	return client
}

// What a reader may and may not, in the words clients look for.
func reads(address string, token *api.ACLToken) error {
	limited := as(address, token.SecretID)
	self, _, err := limited.ACLTokens().Self(nil)
	if err != nil || self.AccessorID != token.AccessorID {
		return fmt.Errorf("self %+v: %v", self, err)
	}
	if _, _, err := limited.Jobs().List(nil); err != nil {
		return err
	}
	refused := func(what string, err error) error {
		if err == nil || !strings.Contains(err.Error(), "403") || !strings.Contains(err.Error(), "Permission denied") {
			return fmt.Errorf("%s: %v, wanted 403 Permission denied", what, err)
		}
		return nil
	}
	_, _, err = limited.Jobs().Register(api.NewServiceJob("refused", "refused", "global", 50), nil)
	if err := refused("register", err); err != nil {
		return err
	}
	_, _, err = limited.ACLTokens().List(nil)
	if err := refused("tokens", err); err != nil {
		return err
	}
	_, _, err = limited.Nodes().List(nil)
	return refused("nodes", err)
}

func (r *run) handOver(address string, token *api.ACLToken) error {
	limited := as(address, token.SecretID)
	once, _, err := limited.ACLTokens().UpsertOneTimeToken(nil)
	if err != nil {
		return err
	}
	got, _, err := as(address, "").ACLTokens().ExchangeOneTimeToken(once.OneTimeSecretID, nil)
	if err != nil || got.SecretID != token.SecretID {
		return fmt.Errorf("exchange: %v", err)
	}
	if _, _, err := as(address, "").ACLTokens().ExchangeOneTimeToken(once.OneTimeSecretID, nil); err == nil {
		return fmt.Errorf("a one-time token served twice")
	}
	return nil
}

func (r *run) login(address string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
	method, _, err := r.client.ACLAuthMethods().Create(&api.ACLAuthMethod{
		Name: "go-jwt", Type: "JWT", TokenLocality: "local", MaxTokenTTL: time.Hour, Default: true,
		Config: &api.ACLAuthMethodConfig{JWTValidationPubKeys: []string{text}, BoundAudiences: []string{"go"}, ClaimMappings: map[string]string{"team": "team"}},
	}, nil)
	if err != nil || method.MaxTokenTTL != time.Hour {
		return fmt.Errorf("auth method %+v: %v", method, err)
	}
	rule, _, err := r.client.ACLBindingRules().Create(&api.ACLBindingRule{AuthMethod: "go-jwt", Selector: `value.team == "readers"`, BindType: "policy", BindName: "go-read"}, nil)
	if err != nil {
		return err
	}
	jwt, err := sign(key, map[string]any{"aud": "go", "team": "readers", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()})
	if err != nil {
		return err
	}
	token, _, err := as(address, "").ACLAuth().Login(&api.ACLLoginRequest{AuthMethodName: "go-jwt", LoginToken: jwt}, nil)
	if err != nil {
		return err
	}
	if err := reads(address, token); err != nil {
		return err
	}
	if _, err := r.client.ACLBindingRules().Delete(rule.ID, nil); err != nil {
		return err
	}
	_, err = r.client.ACLAuthMethods().Delete("go-jwt", nil)
	return err
}

func sign(key *ecdsa.PrivateKey, claims map[string]any) (string, error) {
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(body)
	hash := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, hash[:])
	if err != nil {
		return "", err
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
