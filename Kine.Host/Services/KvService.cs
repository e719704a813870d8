using Google.Protobuf;
using Grpc.Core;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Cluster;
using Kine.Grains.Requests;
using Kine.Host.Grpc;

namespace Kine.Host.Services;

/// <summary>etcd v3 API, KV.</summary>
internal sealed class KvService(IEtcdApi api) : KV.KVBase
{
    /// <summary>Adds the service.</summary>
    public static void Bind(ServiceBinder binder, IEtcdApi api)
    {
        var service = new KvService(api);
        binder.AddInPieces<RangeRequest, RangeMessage>("etcdserverpb.KV", "Range", service.Range);
        binder.AddInPieces<TxnRequest, TxnMessage>("etcdserverpb.KV", "Txn", service.Txn);
        KV.BindService(binder, service);
    }

    public override async Task RangeStream(RangeRequest request, IServerStreamWriter<RangeStreamResponse> responseStream, ServerCallContext context)
    {
        await foreach (var reply in api.RangeStream(request, context.CancellationToken))
        {
            await responseStream.WriteAsync(reply);
        }
    }

    public override Task<PutResponse> Put(PutRequest request, ServerCallContext context)
    {
        CheckWrite(request);
        return api.Put(request, context.CancellationToken);
    }

    public override Task<DeleteRangeResponse> DeleteRange(DeleteRangeRequest request, ServerCallContext context)
    {
        CheckWrite(request);
        return api.DeleteRange(request, context.CancellationToken);
    }

    public override Task<CompactionResponse> Compact(CompactionRequest request, ServerCallContext context)
    {
        CheckWrite(request);
        return api.Compact(request, context.CancellationToken);
    }

    private static void CheckWrite(IMessage request)
    {
        if (request.CalculateSize() > GrpcLimits.MaxWriteLength)
            throw EtcdErrors.RequestTooLarge;
    }

    private async Task Txn(TxnRequest request, PieceWriter<TxnMessage> writer, ServerCallContext context)
    {
        // etcd bounds what goes through its log; a transaction that only reads does not.
        if (RequestRules.MayWrite(request))
            CheckWrite(request);

        using var reply = await api.Txn(request, context.CancellationToken);
        await using var message = new TxnMessage(reply);
        if (message.IsInParts && writer.Compresses(message.Length))
            await message.ReadAll(context.CancellationToken);

        try
        {
            await writer.Write(message);
            while (await message.Read(context.CancellationToken))
                await writer.Continue(message);

            if (message.Written != message.Length)
                throw new InvalidOperationException($"A reply of {message.Length} bytes was announced, and {message.Written} were given.");
        }
        catch when (message.Written != 0)
        {
            writer.Break();
            throw;
        }
    }

    // The length of the reply is known beforehand, so its pairs are copied once, into the response, and a large list waits for its client instead of lying in
    // memory.
    private async Task Range(RangeRequest request, PieceWriter<RangeMessage> writer, ServerCallContext context)
    {
        using var reply = await api.Range(request, context.CancellationToken);
        await using var rest = reply.Rest?.GetAsyncEnumerator(context.CancellationToken);
        var header = api.Header();
        header.Revision = reply.Revision;
        var message = new RangeMessage(reply, header, reply.First, isWhole: rest is null);
        if (rest is not null && writer.Compresses(message.Length))
        {
            await writer.Write(new RangeMessage(reply, header, await Join(reply.First, rest), isWhole: true));
            return;
        }

        try
        {
            await writer.Write(message);
            while (rest is not null && await rest.MoveNextAsync())
                await writer.Continue(message.Continue(rest.Current));

            if (rest is not null)
            {
                message.WriteEnd(writer.Output);
                writer.Output.Commit();
            }

            if (message.Written != message.Length)
                throw new InvalidOperationException($"A range of {message.Length} bytes was announced, and {message.Written} were given.");
        }
        catch when (message.Written != 0)
        {
            writer.Break();
            throw;
        }
    }

    private static async Task<List<ReadOnlyMemory<byte>>> Join(
        IReadOnlyList<ReadOnlyMemory<byte>> first, IAsyncEnumerator<IReadOnlyList<ReadOnlyMemory<byte>>> rest)
    {
        List<ReadOnlyMemory<byte>> pairs = [.. first];
        while (await rest.MoveNextAsync())
            pairs.AddRange(rest.Current);

        return pairs;
    }
}
