using System.Text.Json.Nodes;

namespace Kine.Backends.Nats;

/// <summary>
/// How the stream has to be set up: nothing may ever leave it that this program did not delete, nothing may be refused but for lack of space, nothing
/// may come in but through the one subject.
/// </summary>
internal static class StreamSetup
{
    private static readonly string[] Limits = ["max_msgs", "max_bytes", "max_msgs_per_subject", "max_age", "max_msg_size"];

    /// <summary>The configuration to create it with.</summary>
    public static JsonObject Wanted(NatsOptions options) => new()
    {
        ["name"] = options.Stream,
        ["description"] = "The log of kine, an etcd-compatible store. Never edit, purge or publish to it by hand.",
        ["subjects"] = new JsonArray(options.Subject),
        ["retention"] = "limits",
        ["discard"] = "new",
        ["storage"] = "file",
        ["num_replicas"] = options.Replicas,
        ["max_consumers"] = -1,
        ["max_msgs"] = -1,
        ["max_bytes"] = -1,
        ["max_msgs_per_subject"] = -1,
        ["max_msg_size"] = -1,
        ["max_age"] = 0,
        ["allow_direct"] = true,
    };

    /// <summary>Throws <see cref="StoreRefusedException"/> where the stream is set up so that it could lose or refuse what it must keep.</summary>
    public static void Check(NatsOptions options, JsonObject configuration)
    {
        if (!Flag(configuration, "allow_direct"))
        {
            throw Refused(options, configuration.ContainsKey("allow_direct")
                ? "allow_direct is off"
                : "its server knows no allow_direct, which nats-server has since 2.9: it is too old");
        }
        Require(options, configuration, "retention", "limits");
        Require(options, configuration, "discard", "new");
        Require(options, configuration, "storage", "file");
        foreach (var limit in Limits)
        {
            var value = configuration[limit]?.GetValue<long>() ?? -1;
            if (value > 0)
            {
                throw Refused(options, $"{limit} is {value}, but a log without limits is needed");
            }
        }
        foreach (var flag in (string[])["no_ack", "sealed", "deny_delete", "deny_purge", "discard_new_per_subject"])
        {
            if (Flag(configuration, flag))
            {
                throw Refused(options, $"{flag} is on");
            }
        }
        if (configuration["mirror"] is not null || configuration["sources"] is JsonArray { Count: > 0 })
        {
            throw Refused(options, "it is a mirror, or has sources");
        }

        if (configuration["subjects"] is not JsonArray { Count: 1 } subjects || subjects[0]!.GetValue<string>() != options.Subject)
        {
            throw Refused(options, $"its subjects are not just {options.Subject}");
        }
    }

    private static bool Flag(JsonObject configuration, string name) => configuration[name]?.GetValue<bool>() == true;

    private static void Require(NatsOptions options, JsonObject configuration, string name, string value)
    {
        var present = configuration[name]?.GetValue<string>();
        if (present != value)
        {
            throw Refused(options, $"{name} is {present}, but must be {value}");
        }
    }

    private static StoreRefusedException Refused(NatsOptions options, string reason) =>
        new($"the NATS stream {options.Stream} cannot hold the log: {reason}");
}
