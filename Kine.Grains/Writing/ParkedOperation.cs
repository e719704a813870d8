namespace Kine.Grains.Writing;

/// <summary>A request that was parked comes back to the loop: with the values it lacked, or answered already because they could not be had in time.</summary>
internal sealed class ParkedOperation(WriteOperation operation, bool answered) : WriterItem
{
    public override void Run(WriteLoop loop) => loop.Resume(operation, answered);

    public override void Fail(EtcdException error) => operation.Fail(error);
}
