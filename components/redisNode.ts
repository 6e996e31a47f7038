import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { Bootstrap } from "./bootstrap";
import { Certificates } from "./certificates";
import { Decommission } from "./decommission";
import { HostConfig, TopologyConfig } from "./config/topology";
import { connectionTo } from "./remote/connection";
import { RouteInputs } from "./dynamic";
import { Program } from "./program";
import { Ran } from "./remote/protocol";
import { remoteClaim } from "./remote/claim";
import { remoteStep, RemoteStepArgs } from "./remote/step";
import { nodeFiles } from "./release/manifest";
import { renderBackupSecrets, renderSecrets } from "./release/render";

export interface RedisNodeArgs {
  config: TopologyConfig;
  host: HostConfig;
  /** Project and stack. */
  owner: string;
  /** How a provider reaches this host. */
  route: RouteInputs;
  /** Of each host, whose it is: all of them, and this one. */
  checks: remote.Command[];
  check: remote.Command;
  /** Undefined: no TLS. */
  certificates?: Certificates;
  /** Stands for everything that is staged in the group. */
  plan: pulumi.Input<string>;
  /** The host's programs and files are written again when it changes. */
  repair: pulumi.Output<string>;
}

/**
 * The Redis node of one host: the host's programs, its preparation, the node's staged files, and the
 * steps that make them live. The topology says in which order the steps run. A host that has a sentinel alone has
 * the same, without the node's own files: its steps leave out what there is of a node.
 */
export class RedisNode extends pulumi.ComponentResource {
  /** Writes or compares the host program. */
  readonly program: Ran;
  /**
   * Prepares the host and stages the node's files; its delete takes the node away. The sentinels' claims depend on all
   * of these, so that sentinels go first.
   */
  readonly staged: remote.Command;
  private readonly everyStep: Omit<RemoteStepArgs, "verb" | "after">;
  private readonly owner: string;
  private readonly secrets: Record<string, pulumi.Input<string>>;

  constructor(
    private readonly prefix: string,
    args: RedisNodeArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("redis-cluster:index:RedisNode", prefix, {}, opts);
    const { config, host, owner, route, checks, check, repair } = args;
    const connection = connectionTo(host, config);
    this.everyStep = {
      connection,
      instance: config.instance,
      plan: args.plan,
      limit: config.limits.step,
      override: config.override,
    };

    this.program = config.ssh.helper
      ? check
      : new Program(`${prefix}-program`, { ...route, repair }, { parent: this, dependsOn: checks });
    this.owner = owner;
    this.secrets = {
      secrets: renderSecrets(config.secrets),
      ...(args.certificates && tlsFiles(args.certificates, host)),
      ...renderBackupSecrets(config, host.name),
    };
    this.staged = remoteClaim(
      `${prefix}-install`,
      {
        connection,
        instance: config.instance,
        component: "node",
        owner,
        program: this.program,
        deleteData: config.deleteData,
        limit: config.limits.step,
        lines: [
          `master-name ${config.masterName}`,
          ...(config.renamed === undefined ? [] : [`renamed ${config.renamed}`]),
          ...portsOf(config, host),
          ...(config.firewall ? ["firewall"] : []),
          ...("backup.env" in this.secrets ? ["restic"] : []),
          ...(config.adopt ? ["adopt"] : []),
        ],
        files: {
          ...nodeFiles(config, host),
          // A group that is taken over is asked with its clients' password before anything starts.
          ...(config.adopt && this.secrets),
        },
        repair,
      },
      { parent: this, dependsOn: config.ssh.helper ? checks : this.program },
    );
    this.registerOutputs();
  }

  /**
   * Starts the node if it is down, in the role that the hosts decide. The secrets come with it: among the files a
   * secret would hide the whole diff of them.
   */
  start(bootstrap: Bootstrap, decommission: Decommission): remote.Command {
    const stdin = pulumi
      .all([bootstrap.chosen, bootstrap.round])
      .apply(([name, round]) =>
        [...(name ? [`bootstrap ${name}`] : []), `# after ${round}`].join("\n"),
      );
    const { secrets: files } = this;
    const verb = ["node-start", this.owner];
    return this.step("start", verb, { after: [], stdin, files }, [bootstrap, decommission]);
  }

  /** Brings a running replica to what is staged; a master that has to restart waits for `rollMaster`. */
  roll(after: remote.Command[]): remote.Command {
    return this.step("roll", ["node-roll"], { after }, after);
  }

  /**
   * The same where the host has a sentinel, which is stopped first if it or its node has to restart, once nothing can
   * refuse any more. Its own `roll` starts it again, the last on this host.
   */
  rollWithSentinelStopped(after: remote.Command[]): remote.Command {
    return this.step("roll", ["sentinel-stop", "node-roll"], { after }, after);
  }

  /** Hands over and restarts, if this node was the master in its turn and a restart is owed. */
  rollMaster(after: remote.Command[]): remote.Command {
    return this.step("roll-master", ["node-roll-master"], { after }, after);
  }

  private step(
    name: string,
    verb: string[],
    args: Pick<RemoteStepArgs, "after" | "stdin" | "files">,
    dependsOn: pulumi.Resource[],
  ): remote.Command {
    return remoteStep(
      `${this.prefix}-${name}`,
      {
        ...this.everyStep,
        verb,
        ...args,
        after: [this.staged, ...args.after],
      },
      { parent: this, dependsOn },
    );
  }
}

/** The ports that a host's daemons listen on, for the host's preparation to look at. */
function portsOf({ nodePort, sentinelPort, tls }: TopologyConfig, { redis }: HostConfig): string[] {
  const plain = [`node-port ${nodePort}`, `sentinel-port ${sentinelPort}`];
  const ports = [
    ...(tls?.mode === "required" ? [] : plain),
    ...(tls ? [`node-tls-port ${tls.nodePort}`, `sentinel-tls-port ${tls.sentinelPort}`] : []),
  ];
  return redis ? ports : ports.filter((port) => !port.startsWith("node-"));
}

function tlsFiles(
  certificates: Certificates,
  host: HostConfig,
): Record<string, pulumi.Input<string>> {
  const own = certificates.hosts.apply((hosts) => hosts[host.name]);
  return {
    "tls.ca": certificates.authority,
    "tls.crt": own.certificate,
    "tls.key": own.key,
  };
}
