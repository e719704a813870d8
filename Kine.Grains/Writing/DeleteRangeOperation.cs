using Kine.Etcd;
using Kine.Grains.Index;

namespace Kine.Grains.Writing;

/// <summary>etcd v3 API, KV.DeleteRange.</summary>
internal sealed class DeleteRangeOperation(DeleteRangeRequest request) : WriteOperation<DeleteRangeResponse>
{
    public override int Size => request.Key.Length + request.RangeEnd.Length;

    public override void Evaluate(WriteState state)
    {
        state.Begin();
        Reply = Execute(request, state, this);
        state.End();
        Reply.Header = state.Header();
    }

    /// <summary>Deletes what the range holds; the reply has no header.</summary>
    public static DeleteRangeResponse Execute(DeleteRangeRequest request, WriteState state, WriteOperation operation)
    {
        var reply = new DeleteRangeResponse();
        if (request.RangeEnd.IsEmpty)
        {
            if (state.TryGet(request.Key.Span, out var version))
                Delete(request.Key.Memory, version);

            return reply;
        }

        // Gathered first: deleting changes what the cursor walks over.
        var found = new List<(byte[] Key, KeyVersion Version)>();
        var cursor = state.Index.Range(new KeyRange(request.Key.Memory, request.RangeEnd.Memory), state.ReadRevision);
        while (cursor.MoveNext())
            found.Add((cursor.Key.ToArray(), cursor.Current));

        foreach ((var key, var version) in found)
            Delete(key, version);

        return reply;

        void Delete(ReadOnlyMemory<byte> key, in KeyVersion version)
        {
            if (request.PrevKv)
                reply.PrevKvs.Add(operation.Pair(state, key, version));

            state.Delete(key.Span, version);
            reply.Deleted++;
        }
    }
}
