namespace Kine.Grains.Embedded;

/// <summary>Anything that stands for a grain or observer elsewhere.</summary>
internal interface IGrainReference
{
    CallRoute Route { get; }
}
