// Package remote holds the resource command:remote:Command. The package's name is part of the token.
package remote

import (
	"context"

	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Command runs one command over SSH at each step of its life.
type Command struct{}

// Annotate describes the resource in the schema.
func (c *Command) Annotate(a infer.Annotator) {
	a.Describe(&c, "A command that runs on a host over SSH.")
}

// CommandInputs are what a program gives. Triggers is the only field whose change replaces the resource.
type CommandInputs struct {
	Triggers               *[]any            `pulumi:"triggers,optional"               provider:"replaceOnChanges"`
	Create                 *string           `pulumi:"create,optional"`
	Update                 *string           `pulumi:"update,optional"`
	Delete                 *string           `pulumi:"delete,optional"`
	Stdin                  *string           `pulumi:"stdin,optional"`
	Logging                *Logging          `pulumi:"logging,optional"`
	Connection             *Connection       `pulumi:"connection"                      provider:"secret"`
	Environment            map[string]string `pulumi:"environment,optional"`
	AddPreviousOutputInEnv *bool             `pulumi:"addPreviousOutputInEnv,optional"`
}

// Annotate describes the inputs in the schema.
func (c *CommandInputs) Annotate(a infer.Annotator) {
	a.Describe(&c.Triggers, "A change in any of these values replaces the resource.")
	a.Describe(&c.Create, "Runs when the resource is created, and when it is updated if there is no `update`.")
	a.Describe(&c.Update, "Runs when an input other than `triggers` has changed.")
	a.Describe(&c.Delete, "Runs when the resource is deleted or has been replaced.")
	a.Describe(&c.Stdin, "The command's standard input.")
	a.Describe(&c.Logging, "Which of the command's output streams are shown while it runs; both by default.")
	a.Describe(&c.Connection, "The host and how to log in there.")
	a.Describe(&c.Environment, "Environment variables; the SSH server must accept each (AcceptEnv).")
	a.Describe(&c.AddPreviousOutputInEnv,
		"Whether the last run's output is in PULUMI_COMMAND_STDOUT and PULUMI_COMMAND_STDERR; true by default.")
}

// CommandOutputs are the state: the inputs and what the last run printed.
type CommandOutputs struct {
	CommandInputs
	Stdout string `pulumi:"stdout"`
	Stderr string `pulumi:"stderr"`
}

// Annotate describes the outputs in the schema.
func (c *CommandOutputs) Annotate(a infer.Annotator) {
	a.Describe(&c.Stdout, "What the last run wrote to standard output, less one newline at the end.")
	a.Describe(&c.Stderr, "What the last run wrote to standard error, less one newline at the end.")
}

// Logging says which output streams are shown while a command runs.
type Logging string

// The values of Logging.
const (
	LogStdout          Logging = "stdout"
	LogStderr          Logging = "stderr"
	LogStdoutAndStderr Logging = "stdoutAndStderr"
	LogNone            Logging = "none"
)

// Values lists the enum for the schema.
func (Logging) Values() []infer.EnumValue[Logging] {
	return []infer.EnumValue[Logging]{
		{Value: LogStdout, Description: "Show standard output only."},
		{Value: LogStderr, Description: "Show standard error only."},
		{Value: LogStdoutAndStderr, Description: "Show both."},
		{Value: LogNone, Description: "Show neither."},
	}
}

func (l *Logging) shows(stream Logging) bool {
	return l == nil || *l == LogStdoutAndStderr || *l == stream
}

// Create runs the create command, if there is one.
func (*Command) Create(
	ctx context.Context, req infer.CreateRequest[CommandInputs],
) (infer.CreateResponse[CommandOutputs], error) {
	id, err := resource.NewUniqueHex(req.Name, 8, 0)
	state := CommandOutputs{CommandInputs: req.Inputs}
	if err == nil && !req.DryRun && req.Inputs.Create != nil {
		err = state.run(ctx, *req.Inputs.Create)
	}
	return infer.CreateResponse[CommandOutputs]{ID: id, Output: state}, err
}

// Update runs the update command, or the create command where there is no other.
func (*Command) Update(
	ctx context.Context, req infer.UpdateRequest[CommandInputs, CommandOutputs],
) (infer.UpdateResponse[CommandOutputs], error) {
	state := CommandOutputs{CommandInputs: req.Inputs, Stdout: req.State.Stdout, Stderr: req.State.Stderr}
	command := req.Inputs.Update
	if command == nil {
		command = req.Inputs.Create
	}
	var err error
	if !req.DryRun && command != nil {
		err = state.run(ctx, *command)
	}
	return infer.UpdateResponse[CommandOutputs]{Output: state}, err
}

// Delete runs the delete command, if there is one.
func (*Command) Delete(ctx context.Context, req infer.DeleteRequest[CommandOutputs]) (infer.DeleteResponse, error) {
	if req.State.Delete == nil {
		return infer.DeleteResponse{}, nil
	}
	return infer.DeleteResponse{}, req.State.run(ctx, *req.State.Delete)
}
