using Kine.Grains;

namespace Kine.Host.Grpc;

/// <summary>A method of the API that this server does not have: Unimplemented, with the reason.</summary>
internal sealed class RefusedMethod(string service, string name, string reason) : GrpcMethod(service, name, "unary")
{
    public override Task Invoke(GrpcCall call)
    {
        call.Begin(this);
        call.Fail(this, EtcdErrors.Unimplemented(reason));
        return Task.CompletedTask;
    }
}
