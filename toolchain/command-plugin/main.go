// The stand-in for the official Pulumi command plugin: it serves the one resource that this project uses,
// command:remote:Command, with the schema, state and behaviour of version 1.2.1.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/pulumi/pulumi-go-provider/infer"

	"redis-cluster/toolchain/command-plugin/remote"
)

// version is the version of the official plugin whose behaviour this one has.
const version = "1.2.1"

func main() {
	provider, err := infer.NewProviderBuilder().
		WithDisplayName("Command").
		WithDescription("Stand-in for the official command provider: runs commands over SSH.").
		WithResources(infer.Resource(&remote.Command{})).
		Build()
	if err == nil {
		err = provider.Run(context.Background(), "command", version)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-resource-command:", err)
		os.Exit(1)
	}
}
