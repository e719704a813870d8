using System.Text.Json.Nodes;

namespace Kine.Backends.Nats;

/// <summary>What the server says about the stream's messages.</summary>
/// <param name="First">Sequence of the oldest one.</param>
/// <param name="Last">Sequence of the newest there ever was; stays when messages are deleted.</param>
/// <param name="Messages">Number of messages present.</param>
/// <param name="Bytes">Bytes they take.</param>
internal readonly record struct StreamState(ulong First, ulong Last, long Messages, long Bytes)
{
    /// <summary>Reads the answer of STREAM.INFO or STREAM.CREATE.</summary>
    public static StreamState Of(JsonObject info)
    {
        var state = info["state"]!;
        return new StreamState(
            state["first_seq"]!.GetValue<ulong>(), state["last_seq"]!.GetValue<ulong>(), state["messages"]!.GetValue<long>(), state["bytes"]!.GetValue<long>());
    }
}
