using Google.Protobuf;
using Grpc.Core;
using Kine.Host.Client;
using Kine.Tests.Wire;

namespace Kine.Tests.Differential;

/// <summary>Something that is done to both servers; the two answers must have the same text.</summary>
/// <param name="Text">The operation for people: what to do to see it again.</param>
internal abstract record Operation(string Text)
{
    /// <summary>Does it to one server.</summary>
    public async Task<Answer> Run(Side side)
    {
        try
        {
            return await Perform(side);
        }
        catch (RpcException error) when (!error.IsTransport())
        {
            return Answer.From(error);
        }
    }

    /// <summary>What must hold before it is done, for example that watches have caught up.</summary>
    public virtual bool NeedsQuiet => false;

    protected abstract Task<Answer> Perform(Side side);
}

/// <summary>One unary call, named by its request; the reply's text comes from the request's own rule or from the message.</summary>
internal sealed record UnaryOperation<TRequest, TReply>(
    TRequest Request, Func<EtcdChannel, TRequest, AsyncUnaryCall<TReply>> Call, Func<TReply, string>? AsText = null)
    : Operation($"{Request.Descriptor.Name[..^"Request".Length]} {MessageText.Of(Request)}")
    where TRequest : IMessage<TRequest>
    where TReply : IMessage<TReply>
{
    protected override async Task<Answer> Perform(Side side)
    {
        var reply = await Call(side.Channel, Request);
        return Answer.From(reply, AsText is null ? MessageText.Of(reply) : AsText(reply));
    }
}

/// <summary>Several steps that belong together, as text of all their answers.</summary>
internal sealed record CompoundOperation(string Text, Func<Side, Task<Answer>> Steps, bool Quiet = false) : Operation(Text)
{
    public override bool NeedsQuiet => Quiet;

    protected override Task<Answer> Perform(Side side) => Steps(side);
}
