using Orleans;

namespace Kine.Tests.Runtime;

/// <summary>Hears what a probe grain is told.</summary>
public interface IProbeObserver : IGrainObserver
{
    Task Hear(string word);

    void Overhear(string word);
}
