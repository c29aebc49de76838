// Publishes an event, or verifies a delivery, with the svix SDK; see ../../smoke.py.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"

	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
)

type task struct {
	Url, Token, App, Secret, Body string
	Headers                       map[string]string
}

func main() {
	var given task
	check(json.NewDecoder(os.Stdin).Decode(&given))
	if os.Args[1] == "publish" {
		publish(given)
		return
	}
	headers := http.Header{}
	for name, value := range given.Headers {
		headers.Set(name, value)
	}
	webhook, err := svix.NewWebhook(given.Secret)
	check(err)
	check(webhook.Verify([]byte(given.Body), headers))
	fmt.Print("verified")
}

func publish(given task) {
	server, err := url.Parse(given.Url)
	check(err)
	client, err := svix.New(given.Token, &svix.SvixOptions{ServerUrl: server})
	check(err)
	message, err := client.Message.Create(context.Background(), given.App, models.MessageIn{
		EventType: "invoice.paid",
		Payload:   map[string]any{"amount": "1.10"},
	}, nil)
	check(err)
	fmt.Print(message.Id)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
