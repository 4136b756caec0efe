package llm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"

	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/platform/llm"
)

func ExampleClient_Complete() {
	provider := httptest.NewServer(partner.New(partner.Config{}))
	defer provider.Close()
	client := llm.New(llm.Config{BaseURL: provider.URL + "/v1", Model: "fluentpro-partner"})
	defer client.Close()

	reply, err := client.Complete(context.Background(), llm.Request{
		Messages: []llm.Message{{Role: "user", Content: "How many weeks?"}},
		Schema: &llm.Schema{Name: "answer", JSON: json.RawMessage(
			`{"type":"object","properties":{"weeks":{"type":"integer","minimum":1}},"required":["weeks"],"additionalProperties":false}`)},
	})
	fmt.Println(reply.Text, err)
	// Output: {"weeks":1} <nil>
}

func ExampleEmbedder_Embed() {
	provider := httptest.NewServer(partner.New(partner.Config{}))
	defer provider.Close()
	embedder := llm.NewEmbedder(llm.EmbedConfig{BaseURL: provider.URL + "/v1"})
	defer embedder.Close()

	v, err := embedder.Embed(context.Background(), "fluentpro-partner", []string{"I do the accounts", "会计", "a nurse"})
	fmt.Println(len(v), dot(v[0], v[1]) > dot(v[0], v[2]), err)
	// Output: 3 true <nil>
}
