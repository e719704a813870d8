using Kine.Etcd;

namespace Kine.Grains.Writing;

/// <summary>etcd v3 API, KV.Put.</summary>
internal sealed class PutOperation(PutRequest request) : WriteOperation<PutResponse>
{
    public override int Size => request.Key.Length + request.Value.Length;

    public override void Evaluate(WriteState state)
    {
        state.CheckSpace(Size);
        if (request.Lease != 0 && state.Leases.Find(request.Lease) is null)
            throw EtcdErrors.LeaseNotFound;

        PutEvaluation.CheckExisting(request, state);
        if (!PutEvaluation.HasValue(request, state, this))
            return;

        state.Begin();
        Reply = PutEvaluation.Execute(request, state, this);
        state.End();
        Reply.Header = state.Header();
    }
}
