import * as pulumi from "@pulumi/pulumi";
import { Bootstrap } from "./bootstrap";
import { Certificates, certificatesOf } from "./certificates";
import { foundBy, groupPorts, HostConfig, nodeHosts, TopologyConfig } from "./config/topology";
import { connectionTo } from "./remote/connection";
import { Decommission } from "./decommission";
import { goneHost } from "./goneHost";
import { HostDrift } from "./hostDrift";
import { migrationStep } from "./migration";
import { planOf } from "./release/plan";
import { idOf, saidLast } from "./remote/protocol";
import { RedisNode } from "./redisNode";
import { RedisSentinel } from "./redisSentinel";
import { remoteCheck } from "./remote/check";
import { settingsByClass } from "./release/changes";
import { ChangeClasses } from "./changeClasses";
import { creationSettings } from "./directives/settings";
import { SentinelQuorum } from "./sentinelQuorum";

export interface ReplicationTopologyArgs {
  config: TopologyConfig;
}

/**
 * A replication group under Sentinel. It alone owns the order: all hosts agree to be this stack's, then they
 * are prepared and their files staged at once; daemons that are down start, nodes before sentinels; then host by host
 * the sentinel stops, the node takes what is staged, and the sentinel starts again; then the hosts without a sentinel;
 * the master's turn comes last.
 */
export class ReplicationTopology extends pulumi.ComponentResource {
  readonly currentMaster: pulumi.Output<{ name: string; address: string }>;

  /** How far the move from the legacy Redis is; undefined without one. */
  readonly migration?: pulumi.Output<string>;

  /** Whom clients by TLS have to trust, and what they may show; undefined without TLS. */
  readonly certificates?: Certificates;

  constructor(name: string, args: ReplicationTopologyArgs, opts?: pulumi.ComponentResourceOptions) {
    super("redis-cluster:index:ReplicationTopology", name, {}, opts);
    const { config } = args;
    const child = { parent: this };

    const certificates = certificatesOf(config, child);
    this.certificates = certificates;
    const plan = planOf(config, certificates);
    const ports = groupPorts(config);
    const route = {
      hosts: config.hosts.map((host) => ({
        name: host.name,
        host: host.sshHost,
        port: config.ssh.port,
        user: config.ssh.user,
        hostKey: host.hostKey,
      })),
      bastion: config.ssh.bastion,
      privateKey: config.secrets.sshPrivateKey,
      instance: config.instance,
    };
    const at = (members: HostConfig[], port: number) =>
      members.map(({ name: host, address }) => ({ name: host, address, port }));
    const endpoints = at(nodeHosts(config.hosts), ports.node);
    const sentinelEndpoints = at(
      config.hosts.filter(({ sentinel }) => sentinel !== undefined),
      ports.sentinel,
    );
    const alone = sentinelEndpoints.filter(({ name: host }) =>
      config.hosts.some((each) => each.name === host && !each.redis),
    );
    const drift = new HostDrift("host-drift", { ...route, nodes: [...endpoints, ...alone] }, child);
    const repairs = config.hosts.map(({ name: host }) =>
      drift.repair.apply((ids) => ids[host] ?? ""),
    );

    const owner = `${pulumi.getProject()}/${config.stack}`;
    const checks = config.hosts.map((host, index) =>
      remoteCheck(
        `${host.name}-check`,
        {
          connection: connectionTo(host, config),
          instance: config.instance,
          owner,
          masterName: config.masterName,
          renamed: config.renamed,
          installed: config.ssh.helper,
          repair: repairs[index],
        },
        child,
      ),
    );

    const nodes = config.hosts.map(
      (host, index) =>
        new RedisNode(
          `${host.name}-node`,
          {
            ...{ config, host, owner, certificates, plan, repair: repairs[index] },
            route: { ...route, hosts: [route.hosts[index]] },
            ...{ checks, check: checks[index] },
          },
          child,
        ),
    );
    const sentinels = config.hosts.map((host, index) =>
      host.sentinel === undefined
        ? undefined
        : new RedisSentinel(
            `${host.name}-sentinel`,
            { config, host, owner, plan, repair: repairs[index], node: nodes[index], nodes },
            child,
          ),
    );

    const bootstrap = new Bootstrap(
      "bootstrap",
      {
        ...route,
        bootstrapMaster: config.bootstrapMaster,
        nodes: endpoints,
        after: nodes.map(({ program }) => idOf(program)),
      },
      { ...child, dependsOn: [...nodes, ...sentinels].flatMap((each) => each?.staged ?? []) },
    );
    const decommission = new Decommission(
      "decommission",
      {
        ...route,
        nodes: config.hosts.map(({ name: host, address }) => ({ name: host, address })),
        sentinels: sentinelEndpoints.map(({ name: host }) => host),
        nodeless: config.hosts.filter(({ redis }) => !redis).map(({ name: host }) => host),
        gone: config.gone,
        ports: [ports.node, ports.sentinel],
        plan,
        override: config.override,
        limit: config.limits.step,
      },
      { ...child, dependsOn: bootstrap },
    );
    for (const host of config.gone) {
      const connection = connectionTo(config.hosts[0], config);
      goneHost(host, { connection, after: decommission }, child);
    }
    const nodesUp = nodes.map((node) => node.start(bootstrap, decommission));
    let last = sentinels.flatMap((sentinel) => sentinel?.start(nodesUp) ?? []);

    const others: RedisNode[] = [];
    nodes.forEach((node, index) => {
      const sentinel = sentinels[index];
      if (sentinel) last = [sentinel.roll([node.rollWithSentinelStopped(last)])];
      else others.push(node);
    });
    // All of them at once: of those to which a restart is owed the hosts themselves take one at a time.
    if (others.length > 0) last = others.map((node) => node.roll(last));
    // One waits for all of them and the rest for that one: each has in the state what it waits for.
    const [first, ...rest] = nodes.filter((_, index) => config.hosts[index].redis);
    const turn = first.rollMaster(last);
    if (last.length > 1) last = [turn];
    last = [turn, ...rest.map((node) => node.rollMaster(last))];

    const check = new SentinelQuorum(
      "sentinel-quorum",
      {
        masterName: config.masterName,
        quorum: config.quorum,
        nodes: endpoints,
        sentinels: sentinelEndpoints,
        ...route,
        operatorPassword: config.secrets.passwords.operator,
        tls:
          config.tls?.mode === "required" && certificates
            ? pulumi
                .all([certificates.authority, certificates.hosts])
                .apply(([authority, hosts]) => ({
                  authority,
                  identity: hosts[config.hosts[0].name],
                }))
            : undefined,
        rollout: pulumi.all(last.map(idOf)).apply((ids) => ids.join(" ")),
        stallSeconds: config.limits.stall,
        follows: config.migration && `${config.migration.address}:${config.migration.port}`,
      },
      { ...child, dependsOn: last },
    );
    if (config.migration) {
      const { stdout } = migrationStep(config, config.migration, plan, last, {
        ...child,
        dependsOn: check,
      });
      // Of all that it is told, it prints no secret.
      this.migration = pulumi.unsecret(stdout).apply(saidLast);
    }
    // The last: what a running group cannot take is held against what it has run with.
    new ChangeClasses(
      "change-classes",
      {
        ...settingsByClass(config),
        created: nodeHosts(config.hosts).map(({ name: host, redis }) => ({
          name: host,
          redis: creationSettings(redis),
        })),
        foundBy: foundBy(config),
        packageVersion: config.packageVersion,
      },
      { ...child, dependsOn: check },
    );
    this.currentMaster = pulumi
      .all([check.currentMaster, check.currentMasterAddress])
      .apply(([host, address]) => ({ name: host, address }));
    this.registerOutputs({ currentMaster: this.currentMaster });
  }
}
