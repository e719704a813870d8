using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Wire;

namespace Kine.Tests.Chaos;

/// <summary>Steps as requests, and answers as steps.</summary>
internal static class EtcdSteps
{
    /// <summary>Asks what the step asks; gives it with what was answered.</summary>
    public static async Task<Step> Send(this EtcdChannel channel, Step step, CancellationToken cancellation) => step switch
    {
        { Writes: [], Looks: [var look] } => await Range(channel, step, look, cancellation),
        { Guards: [], Writes: [var write] } => await Put(channel, step, write, cancellation),
        _ => await Txn(channel, step, cancellation),
    };

    public static Write Change(Event change) => change.Type == Event.Types.EventType.Put
        ? new Write(change.Kv.Key.ToStringUtf8(), change.Kv.Value.ToStringUtf8(), change.Kv.Lease)
        : new Write(change.Kv.Key.ToStringUtf8(), null);

    private static async Task<Step> Range(EtcdChannel channel, Step step, Look look, CancellationToken cancellation)
    {
        var request = Request(look);
        request.Serializable = step.Serializable;
        request.Revision = step.At;
        var reply = await channel.Range(request, cancellation);
        return step with { Revision = reply.Header.Revision, Looks = [Seen(look, reply)] };
    }

    private static async Task<Step> Put(EtcdChannel channel, Step step, Write write, CancellationToken cancellation)
    {
        var reply = await channel.Put(Request(write, prevKv: true), cancellation);
        return step with { Revision = reply.Header.Revision, Looks = [new Look(write.Key, null, reply.PrevKv is { } before ? [ToPair(before)] : [])] };
    }

    // Where the guards do not hold it looks at their keys.
    private static async Task<Step> Txn(EtcdChannel channel, Step step, CancellationToken cancellation)
    {
        var looks = step.Guards.Select(guard => new Look(guard.Key, null, [])).ToArray();
        var request = new TxnRequest();
        request.Compare.AddRange(step.Guards.Select(guard => new Compare
        {
            Key = Bytes(guard.Key),
            Target = Compare.Types.CompareTarget.Mod,
            Result = Compare.Types.CompareResult.Equal,
            ModRevision = guard.ModRevision,
        }));
        request.Success.AddRange(step.Writes.Select(write => write.Value is null
            ? new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Bytes(write.Key) } }
            : new RequestOp { RequestPut = Request(write, prevKv: false) }));
        request.Failure.AddRange(looks.Select(look => new RequestOp { RequestRange = Request(look) }));
        var reply = await channel.Txn(request, cancellation);
        return step with
        {
            Revision = reply.Header.Revision,
            Succeeded = reply.Succeeded,
            Looks = reply.Succeeded ? [] : [.. looks.Zip(reply.Responses, (look, response) => Seen(look, response.ResponseRange))],
        };
    }

    private static RangeRequest Request(Look look) => new() { Key = Bytes(look.From), RangeEnd = look.To is null ? ByteString.Empty : Bytes(look.To) };

    private static PutRequest Request(Write write, bool prevKv) => new() { Key = Bytes(write.Key), Value = Bytes(write.Value!), Lease = write.Lease, PrevKv = prevKv };

    private static Look Seen(Look asked, RangeResponse reply) => asked with { Pairs = [.. reply.Kvs.Select(ToPair)] };

    private static Pair ToPair(KeyValue pair) => new(pair.Key.ToStringUtf8(), pair.Value.ToStringUtf8(), pair.ModRevision);

    private static ByteString Bytes(string text) => ByteString.CopyFromUtf8(text);
}
